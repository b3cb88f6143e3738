// SPDX-License-Identifier: BSD-2-Clause
//! Rust: functions of a module, a generic one, a closure, a thread, a caught panic.
//!
//! chain leaf: RUST *tree::work::outer *tree::work::inner *tree::work::leaf
//! chain generic: RUST *tree::work::generic* *tree::work::leaf
//! chain thread: THREAD ... *tree::threaded *tree::work::leaf
//! chain panic: RUST *tree::work::caught ...
//! atleast leaf 0.1
//! atleast generic 0.1
//! atleast thread 0.05
//! atleast panic 0.01
mod work {
    use std::hint::black_box;

    #[inline(never)]
    pub fn leaf(bursts: u32) {
        for _ in 0..bursts {
            let mut product = 3u64;
            for _ in 0..20000 {
                product = black_box(product.wrapping_mul(3));
            }
            black_box(product);
        }
    }

    #[inline(never)]
    fn inner(bursts: u32) -> u32 {
        leaf(bursts);
        black_box(bursts)
    }

    #[inline(never)]
    pub fn outer(bursts: u32) -> u32 {
        inner(bursts) + black_box(1)
    }

    #[inline(never)]
    pub fn generic<T: Fn() -> u32>(bursts: T) -> u32 {
        leaf(bursts());
        black_box(2)
    }

    #[inline(never)]
    fn fails(number: u32) -> u32 {
        if black_box(number) < 1000 {
            panic!("known");
        }
        number
    }

    #[inline(never)]
    pub fn caught() -> bool {
        let result = std::panic::catch_unwind(|| fails(1) + black_box(1));
        black_box(result.is_err())
    }
}

#[inline(never)]
fn threaded() -> u32 {
    for _ in 0..90 {
        work::leaf(400);
    }
    std::hint::black_box(3)
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::sleep(std::time::Duration::from_millis(300));
    let thread = std::thread::spawn(threaded);
    for _ in 0..600 {
        for _ in 0..20 {
            work::outer(3);
            work::generic(|| 3);
        }
        for _ in 0..200 {
            work::caught();
        }
    }
    thread.join().unwrap();
}
