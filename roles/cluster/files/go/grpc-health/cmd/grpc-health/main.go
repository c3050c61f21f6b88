// Copyright: (c) 2026, mesh.workshop contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Command grpc-health is the smallest real gRPC service there is: the standard health service, always SERVING.
//
// With -check it is a client of such a service instead: it prints the status of each answer.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func main() {
	listen := flag.String("listen", ":50051", "address to serve on")
	check := flag.String("check", "", "address of a server to ask, instead of serving")
	user := flag.String("user", "", "with -check: the metadata end-user")
	count := flag.Int("count", 1, "with -check: how often to ask")
	flag.Parse()
	if *check != "" {
		ask(*check, *user, *count)
		return
	}
	serve(*listen)
}

func serve(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-stop
		server.GracefulStop()
	}()
	log.Printf("serving grpc.health.v1.Health on %s", listener.Addr())
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}

func ask(address, user string, count int) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := grpc_health_v1.NewHealthClient(connection)
	for range count {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		if user != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "end-user", user)
		}
		answer, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		fmt.Println(status.Code(err), answer.GetStatus())
		cancel()
	}
}
