#!/bin/sh
# lan.sh ADDRESS MAC get|set NAME...
#
# What a BMC knows of its own LAN, asked by ipmi_sim for every reading (ipmi_lan(5), lan_config_program). Nothing can be
# set: the lab decides where its BMCs are.
set -u
address=$1 mac=$2
[ "$3" = get ] || exit 1
shift 3
for name; do
    case $name in
    ip_addr) value=$address ;;
    ip_addr_src) value=static ;;
    mac_addr) value=$mac ;;
    subnet_mask) value=255.255.255.0 ;;
    *_ip_addr) value=0.0.0.0 ;;
    *_mac_addr) value=00:00:00:00:00:00 ;;
    *) exit 1 ;;
    esac
    echo "$name:$value"
done
