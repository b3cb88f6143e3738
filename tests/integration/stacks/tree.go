// SPDX-License-Identifier: BSD-2-Clause

// Go: the main goroutine and another one; the runtime's own threads are somebody else's.
//
// chain main: runtime.goexit* runtime.main main.main main.outer main.inner main.leaf runtime.*{0,}
// chain other: runtime.goexit* main.main.func1? main.spawned? main.leaf runtime.*{0,}
// chain main: runtime.goexit* runtime.main main.main time.Sleep? runtime.*{1,}
// chain main: runtime.goexit* runtime.main main.main time.Sleep
// chain runtime: runtime.goexit* runtime.main runtime.doInit*{1,} ...
// chain runtime: runtime.*|_rt0_*|internal/*|sync*|nameless|*@[vdso]{1,}
// atleast main 0.15
// atleast other 0.1
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
	for i := 0; i < 75; i++ {
		leaf(400)
	}
	done <- true
}

func main() {
	time.Sleep(300 * time.Millisecond)
	done := make(chan bool)
	go spawned(done)
	for i := 0; i < 150; i++ {
		outer(400)
	}
	<-done
}
