"""Views: what an exhibit shows, as keys and numbers, without sentence or markup."""
