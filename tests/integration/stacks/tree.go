// SPDX-License-Identifier: BSD-2-Clause

// Go: the main goroutine and another one; the runtime's own threads are somebody else's.
//
// chain main: runtime.goexit* runtime.main main.main main.outer main.inner main.leaf
// chain other: runtime.goexit* main.*func1|main.spawned main.leaf
// chain runtime: runtime.*|_rt0_*|nameless ...
// chain runtime: *@libc ...
// chain time: runtime.goexit* ... time.*  ...
// atleast main 0.3
// atleast other 0.2
package main

import "time"

var sink uint64

//go:noinline
func leaf(bursts int) {
	product := sink + 3
	for i := 0; i < bursts*20000; i++ {
		product *= 3
	}
	sink += product & 1
}

//go:noinline
func inner(bursts int) {
	leaf(bursts)
	sink++
}

//go:noinline
func outer(bursts int) {
	inner(bursts)
	sink++
}

//go:noinline
func spawned(done chan bool) {
	for began := time.Now(); time.Since(began) < time.Second; {
		leaf(50)
	}
	done <- true
}

func main() {
	done := make(chan bool)
	go spawned(done)
	for began := time.Now(); time.Since(began) < 1500*time.Millisecond; {
		outer(50)
	}
	<-done
}
