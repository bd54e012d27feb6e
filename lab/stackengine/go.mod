module metalswarm/lab/stackengine

go 1.24
