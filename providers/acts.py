"""Everything that acts on hosts and clusters, loaded together.

Operations run in many threads, and threads that begin to import modules which import each other can wait for one
another for ever. So one thread loads all of it before the first operation; previews never do.
"""

import metal.chassis.boot
import metal.chassis.life
import metal.chassis.power
import metal.chassis.restore
import metal.cluster.burn_in
import metal.cluster.consul
import metal.cluster.consul.reached
import metal.cluster.docker
import metal.cluster.reboot
import metal.cluster.stackengine
import metal.cluster.swarm
import metal.cluster.wave
import metal.host.ready
import metal.pki.authority
import metal.pki.secrets
import metal.rescue
import metal.settings
import metal.site  # noqa: F401
