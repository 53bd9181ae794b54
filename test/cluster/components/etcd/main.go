// Command etcd is the etcd server that holds a test cluster's objects, with
// the flags of the stock program.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
