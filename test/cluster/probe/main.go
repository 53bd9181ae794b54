// Command probe is what pods run that test a cluster.
//
//	probe write FILE          write FILE and read it back
//	probe serve ADDRESS       answer HTTP requests with "hello" until it is killed
//	probe get URL             print what URL answers, once it does; 20 s at most
//	probe dial ADDRESS        say each time that ADDRESS begins or ceases to accept TCP connections
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: probe write|serve|get|dial ARGUMENT")
		os.Exit(2)
	}
	verbs := map[string]func(string) error{"write": write, "serve": serve, "get": get, "dial": dial}
	verb, ok := verbs[os.Args[1]]
	if !ok {
		fmt.Fprintf(os.Stderr, "probe: unknown verb %q\n", os.Args[1])
		os.Exit(2)
	}
	if err := verb(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func write(file string) error {
	if err := os.WriteFile(file, []byte("hello"), 0o644); err != nil {
		return err
	}
	got, err := os.ReadFile(file)
	if err == nil && string(got) != "hello" {
		err = fmt.Errorf("%s holds %q", file, got)
	}
	return err
}

func serve(address string) error {
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
}

func get(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		err := getOnce(ctx, url)
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func getOnce(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}

func dial(address string) error {
	for last := ""; ; time.Sleep(200 * time.Millisecond) {
		now := "accepts"
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
		} else if e, ok := err.(net.Error); ok && e.Timeout() {
			now = "silent"
		} else {
			now = "refuses"
		}
		if now != last {
			fmt.Println(now)
		}
		last = now
	}
}
