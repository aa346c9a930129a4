; ide-pio: data goes through the data port.
.equ IDE_DMA, 0
