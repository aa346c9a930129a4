"""The board: processor, memory, paging, bus, interrupts, timer. It knows no monitor."""
