"""The fast core: a dynamic binary translator from guest traces to Python source.

    steps       one recorded guest instruction, and which ones can be translated
    recorder    follows the reference interpreter along a hot path
    flags       the arithmetic flags as expressions, computed only where they are seen
    source      the text of one trace: registers in locals, exits, recovery by line number
    neighbours   accesses at known distances from one register share what was looked up
    memory_access, data, arithmetic, control, privileged     what each instruction becomes
    compiled    source to function, shared between runs
    views       the micro-TLB: a page number leads to the page's list of words
    through      an instruction in the middle of a trace that the engine runs
    trace       a compiled trace bound to one CPU, and what must hold before it may run
    dispatcher  heat, recording, running; the reference interpreter does the rest

Whatever a trace cannot do exactly it does not begin: it leaves with the registers,
flags and address of the instruction before it, and the reference interpreter runs
that one. So both cores count the same events by construction.
"""
