service "docker-swarm" { policy = "write" }
session "n4" { policy = "write" }
key "docker-swarm/docker/swarm/nodes/10.0.0.4:2376" { policy = "write" }
