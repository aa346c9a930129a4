"""The monitors: one file for each mechanism, in the papers' words.

exit_loop            run, look at the trap, dispatch; every technique goes through it
native               hardware delivers what hardware delivers
emulate              a monitor performs one instruction on the virtual CPU
deprivileged         ring 1 for the guest's kernel: what trap_emulate and translation share
trap_emulate, binary_translation, vmx, svm, hypercall …
shadow_paging, nested_paging, direct_paging
guest_interface      what a guest in guest mode may ask of its hypervisor: kvm, hyperv, xen_hvm
identity             cpuid as each hypervisor shows it; enlightenments: pages that save exits
synic                Hyper-V's interrupt controller: messages and event flags
oracle               below every monitor: no guest touches a frame that it does not own
"""
