// Command stackengine is a simulated StackEngine controller for the lab. It honours the install contract of the vendor's
// binary (flags, ports, probes, environment) and keeps a real ring: registration, replication, heartbeats, removal.
// It schedules no containers and has no consensus protocol; the newest record of a node wins.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"metalswarm/lab/stackengine/internal/controller"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stackengine:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("stackengine", flag.ContinueOnError)
	admin := flags.Bool("admin", false, "be a ring member")
	join := flags.String("join", "", "address of a ring member whose ring to enter (with -admin)")
	mesh := flags.String("mesh", "", "address of a ring member to register with as a member")
	bind := flags.String("bind", "", "IP address to serve on and to be known by")
	device := flags.String("net", "", "network device whose first IPv4 address to bind to, instead of -bind")
	data := flags.String("data", "/var/lib/stackengine", "folder for the node's identity and the ring's records")
	logfile := flags.String("logfile", "", "append the log here instead of standard error")
	debug := flags.String("debug", "", "\"all\" logs each beat and replication")
	version := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *version {
		fmt.Println(controller.VersionLine)
		return nil
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	address, err := bindAddress(*bind, *device)
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("own name: %w", err)
	}
	out := io.Writer(os.Stderr)
	if *logfile != "" {
		file, err := os.OpenFile(*logfile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return fmt.Errorf("log file: %w", err)
		}
		defer file.Close()
		out = file
	}
	logger := log.New(out, name+" ", log.LstdFlags|log.LUTC|log.Lmsgprefix)

	node, err := controller.New(controller.Config{
		Name:    name,
		Address: address,
		Admin:   *admin,
		Join:    *join,
		Mesh:    *mesh,
		Data:    *data,
		Key:     os.Getenv("ID"),
		Ports:   controller.DefaultPorts,
		Timing:  controller.DefaultTiming,
		Local:   true,
		Log:     logger,
		Debug:   *debug == "all",
	})
	if err != nil {
		return err
	}
	// The licence key is in memory now; nothing this process may start should inherit it.
	if err := os.Unsetenv("ID"); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err = node.Run(ctx)
	if err != nil {
		logger.Printf("ends: %v", err)
	}
	return err
}

// bindAddress returns the one IP address to serve on: bind itself, or the first IPv4 address of device.
func bindAddress(bind, device string) (string, error) {
	if (bind == "") == (device == "") {
		return "", fmt.Errorf("exactly one of -bind and -net is needed")
	}
	if bind != "" {
		ip := net.ParseIP(bind)
		if ip == nil || ip.IsUnspecified() {
			return "", fmt.Errorf("-bind=%s: not one host's IP address", bind)
		}
		return ip.String(), nil
	}
	link, err := net.InterfaceByName(device)
	if err != nil {
		return "", fmt.Errorf("-net=%s: %w", device, err)
	}
	addresses, err := link.Addrs()
	if err != nil {
		return "", fmt.Errorf("-net=%s: %w", device, err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil {
			return network.IP.String(), nil
		}
	}
	return "", fmt.Errorf("-net=%s: no IPv4 address", device)
}
