; What a front end stands on: pages lent to whoever has the real driver (granted to a domain, or
; INTERNAL: named to the hypervisor), and an event channel to it. Where ring and port are, the two ends would tell each other by the Xenstore; here by a page of words:
; state, grant of the ring, port, grant of a second ring.
; A front end has the labels driver_start, driver_call and driver_interrupt, like every driver.
.equ GRANT_TABLE, 0x2b000       ; two pages of entries (public/grant_table.h, version 1)
.equ STORE, 0x2d000
.equ STORE_STATE, STORE
.equ STORE_RING, STORE + 8
.equ STORE_PORT, STORE + 16
.equ STORE_SECOND_RING, STORE + 24
.equ CONNECTED, 4               ; XenbusStateConnected
.equ GRANT_ACCESS, 1
.equ EVTCHN_SEND, 4
.equ EVTCHN_ALLOC_UNBOUND, 6
.equ DEVICE_MEMORY, 0x280000
.equ R_PRODUCED, 0              ; a shared ring's page: requests, responses, and when to tell
.equ R_REQUEST_EVENT, 4
.equ R_RESPONDED, 8
.equ R_RESPONSE_EVENT, 12
.equ RING_ENTRIES, 64

main:
    mov rax, driver_call
    mov [driver], rax
    mov rax, driver_interrupt
    mov [other_events], rax
    call driver_start
    mov rdi, EVTCHN_ALLOC_UNBOUND
    mov rsi, xen_channel
    call HC_EVENT_CHANNEL
    mov rcx, [xen_channel + 16]
    mov [STORE_PORT], rcx
    mov [xen_port], rcx
    mov rax, 1
    shl rax, rcx
    or [rbp + C_PORTS], rax
    mov qword [STORE_STATE], CONNECTED
    call xen_notify
    mov rdi, [programs]
    xor rsi, rsi
    call create_process
    inc qword [running_programs]
    jmp idle

; Let the other side reach the page at rsi by the reference rdi. -> rdi: what it knows the page by.
grant:
    mov rax, rsi
    shr rax, 12
.if PV
    mov rdx, [machine_frames]
    mov rax, [rdx + rax*8]
.endif
.if INTERNAL
    mov rdi, rax
    ret
.endif
    shl rax, 32
    or rax, GRANT_ACCESS                ; to domain 0
    mov [rdi*8 + GRANT_TABLE], rax
    ret

; Take the reference rdi back.
ungrant:
.if INTERNAL
    ret
.endif
    mov qword [rdi*8 + GRANT_TABLE], 0
    ret

; Send an event to the driver domain.
xen_notify:
    mov rdi, EVTCHN_SEND
    mov rsi, xen_port
    jmp HC_EVENT_CHANNEL

; A fresh ring in the page rdi, granted as rsi: each side wants to hear of the first entry.
new_ring:
    mov dword [rdi + R_PRODUCED], 0
    mov dword [rdi + R_REQUEST_EVENT], 1
    mov dword [rdi + R_RESPONDED], 0
    mov dword [rdi + R_RESPONSE_EVENT], 1
    mov rax, rdi
    mov rdi, rsi
    mov rsi, rax
.if INTERNAL
    push rdi
    call grant
    pop rcx
    shl rcx, 4                          ; where the number of ring 1 or 2 is published
    mov [rcx + STORE_RING - 16], rdi
    ret
.else
    jmp grant
.endif

; The requests up to number rsi are in the ring rdi: show them, and send an event if the driver
; domain wants to hear (public/io/ring.h: if its event lies between the old number and the new).
push_requests:
    mov rax, dword [rdi + R_PRODUCED]
    mov rcx, rsi
    sub rcx, rax
    mov dword [rdi + R_PRODUCED], rsi
    mov rax, dword [rdi + R_REQUEST_EVENT]
    sub rsi, rax
    cmp rsi, rcx
    jb xen_notify
    ret

xen_channel:                            ; this domain, the driver domain, the port
    .quad DOMID_SELF, 0, 0
xen_port:
    .quad 0
