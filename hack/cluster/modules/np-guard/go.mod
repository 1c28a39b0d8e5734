module bartizan.local/cluster/np-guard

go 1.26.0

require github.com/np-guard/netpol-analyzer v1.4.4
