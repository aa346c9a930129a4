; ide-dma: data goes by bus-master DMA.
.equ IDE_DMA, 1
