// SPDX-License-Identifier: BSD-2-Clause
//! Rust as it is written: collections, text, trait objects and closures, generics, deep recursion,
//! threads; and panics that are caught, for a tenth of the time. Each kind of work is a module,
//! whose function `run` does a little of it; the shares of CPU time are measured and printed.
//!
//! chain sorting: RUST *tree::spend *tree::sorting::run ...
//! chain hashing: RUST *tree::spend *tree::hashing::run ...
//! chain text: RUST *tree::spend *tree::text::run ...
//! chain dynamic: RUST *tree::spend *tree::dynamic::run ...
//! chain generics: RUST *tree::spend *tree::generics::run ...
//! chain recursion: RUST *tree::spend *tree::recursion::run ...
//! chain panics: RUST *tree::spend *tree::panics::run ...
//! chain threads: THREAD ... *tree::threads::worker *tree::spend *tree::hashing::run ...
//! While libgcc installs the frame that it goes to, it has overwritten what leads beyond it.
//! chain install: *tree::panics::guarded _Unwind_Resume@libgcc_s nameless@libgcc_s
//! atmost install 0.005
//! chain around: RUST *tree::begin|*tree::report|*tree::threads::run ...
//! contains dynamic 0.2: *Shape>::area
//! contains generics 0.5: *tree::generics::product*
//! contains recursion 0.5: *tree::recursion::sum{80,100}
//! contains panics 0.3: _Unwind_RaiseException@libgcc_s
//! atleast panics 0.05
//! atleast threads 0.05
use std::hint::black_box;

/// Numbers that look like chance and are the same in each run.
struct Numbers(u64);

impl Iterator for Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        Some(self.0 >> 33)
    }
}

mod sorting {
    use super::{black_box, Numbers};
    use std::collections::BinaryHeap;

    struct Row {
        name: String,
        key: u64,
    }

    #[inline(never)]
    pub fn run() {
        let numbers: Vec<u64> = Numbers(1).take(200).collect();
        let mut rows: Vec<Row> = numbers
            .iter()
            .map(|&key| Row {
                name: (key % 1000).to_string(),
                key,
            })
            .collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name).then(b.key.cmp(&a.key)));
        rows.sort_unstable_by_key(|row| row.key);
        let found = numbers
            .iter()
            .filter(|key| rows.binary_search_by_key(*key, |row| row.key).is_ok());
        let heap: BinaryHeap<u64> = found.copied().collect();
        black_box(heap.into_sorted_vec());
    }
}

mod hashing {
    use super::{black_box, Numbers};
    use std::collections::{BTreeMap, HashMap, HashSet};

    #[inline(never)]
    pub fn run() {
        let mut names: HashMap<String, Vec<u64>> = HashMap::new();
        let mut ordered: BTreeMap<u64, usize> = BTreeMap::new();
        for number in Numbers(2).take(150) {
            names
                .entry(format!("name {}", number % 64))
                .or_default()
                .push(number);
            *ordered.entry(number % 100).or_insert(0) += 1;
        }
        let lengths: HashSet<usize> = names.values().map(Vec::len).collect();
        black_box((
            ordered.range(20..80).map(|(_, count)| count).sum::<usize>(),
            lengths,
        ));
    }
}

mod text {
    use super::{black_box, Numbers};
    use std::fmt::Write;

    #[derive(Debug)]
    #[allow(dead_code)]
    struct Point {
        x: f64,
        name: Option<&'static str>,
    }

    #[inline(never)]
    pub fn run() {
        let mut out = String::new();
        for number in Numbers(3).take(20) {
            let point = Point {
                x: number as f64 / 7.0,
                name: Some("name"),
            };
            writeln!(
                out,
                "{:>8} {:#x} {:.3} {:?}",
                number, number, point.x, point
            )
            .unwrap();
        }
        let words = out
            .split_whitespace()
            .filter_map(|word| word.parse::<f64>().ok());
        black_box((words.sum::<f64>(), out.to_uppercase().replace("NAME", "n")));
    }
}

mod dynamic {
    use super::{black_box, Numbers};

    trait Shape {
        fn area(&self) -> f64;
    }
    struct Circle(f64);
    struct Polygon(Vec<(f64, f64)>);

    impl Shape for Circle {
        fn area(&self) -> f64 {
            (1..40).fold(0.0, |sum, step| sum + (self.0 / step as f64).sin() * self.0)
        }
    }

    impl Shape for Polygon {
        fn area(&self) -> f64 {
            self.0
                .windows(2)
                .map(|pair| (pair[0].0 * pair[1].1 - pair[1].0 * pair[0].1).cbrt())
                .sum()
        }
    }

    fn shape(number: u64) -> Box<dyn Shape> {
        match number % 2 {
            0 => Box::new(Circle(number as f64)),
            _ => Box::new(Polygon(
                (0..40)
                    .map(|at| (at as f64, (number % (at + 1)) as f64))
                    .collect(),
            )),
        }
    }

    #[inline(never)]
    pub fn run() {
        let factor = black_box(3.0);
        let steps: Vec<Box<dyn Fn(f64) -> f64>> = vec![
            Box::new(move |area| area * factor),
            Box::new(|area| area.abs().sqrt()),
            Box::new(f64::exp_m1),
        ];
        let areas = Numbers(4).take(30).map(|number| shape(number).area());
        black_box(
            areas
                .map(|area| steps.iter().fold(area, |value, step| step(value)))
                .sum::<f64>(),
        );
    }
}

mod generics {
    use super::{black_box, Numbers};
    use std::ops::{Add, Mul};

    const SIDE: usize = 24;

    #[inline(never)]
    fn product<T: Copy + Default + Add<Output = T> + Mul<Output = T>>(a: &[T], b: &[T]) -> Vec<T> {
        let cell = |row: usize, column: usize| {
            (0..SIDE).fold(T::default(), |sum, at| {
                sum + a[row * SIDE + at] * b[at * SIDE + column]
            })
        };
        (0..SIDE * SIDE)
            .map(|at| cell(at / SIDE, at % SIDE))
            .collect()
    }

    #[inline(never)]
    pub fn run() {
        let whole: Vec<u64> = Numbers(5)
            .take(SIDE * SIDE)
            .map(|number| number % 1000)
            .collect();
        let real: Vec<f64> = whole.iter().map(|&number| number as f64).collect();
        black_box((product(&whole, &whole), product(&real, &real)));
    }
}

mod recursion {
    use super::{black_box, Numbers};

    const DEPTH: usize = 100;

    struct Node {
        number: u64,
        below: Option<Box<Node>>,
    }

    #[inline(never)]
    fn sum(node: &Node, visit: &mut dyn FnMut(u64) -> u64) -> u64 {
        let below = node.below.as_ref().map_or(0, |below| sum(below, visit));
        visit(node.number).wrapping_add(below)
    }

    fn chain() -> Option<Box<Node>> {
        Numbers(6)
            .take(DEPTH)
            .fold(None, |below, number| Some(Box::new(Node { number, below })))
    }

    #[inline(never)]
    pub fn run() {
        let mut seen = 0u64;
        let mut visit = |number: u64| {
            seen += 1;
            // At the bottom, most of the work.
            let steps = if seen == 1 { 20000 } else { 10 };
            (0..steps).fold(number, |value, step| black_box(value.rotate_left(5) ^ step))
        };
        black_box(chain().map(|top| sum(&top, &mut visit)));
    }
}

mod panics {
    use super::black_box;

    struct Guard<'a>(&'a mut u64);

    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            *self.0 += 1;
        }
    }

    #[inline(never)]
    fn fails(number: u64) -> u64 {
        if black_box(number) < 1000 {
            panic!("{} is too small", number);
        }
        number
    }

    #[inline(never)]
    fn guarded(number: u64, dropped: &mut u64) -> u64 {
        let guard = Guard(dropped);
        fails(number) + *guard.0
    }

    #[inline(never)]
    pub fn run() {
        let mut dropped = 0;
        for _ in 0..20 {
            let caught =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| guarded(1, &mut dropped)));
            black_box(caught.map_err(|why| why.downcast::<String>()).is_err());
        }
        assert_eq!(dropped, 20);
    }
}

mod threads {
    use super::{hashing, spend};
    use std::{sync::mpsc, thread};

    #[inline(never)]
    fn worker(spent: mpsc::Sender<u64>) {
        spent.send(spend(hashing::run, 2)).unwrap();
    }

    /// Nanoseconds of CPU time of its threads.
    #[inline(never)]
    pub fn run() -> u64 {
        let (send, receive) = mpsc::channel();
        for _ in 0..2 {
            let send = send.clone();
            thread::spawn(move || worker(send));
        }
        drop(send);
        receive.iter().sum()
    }
}

#[repr(C)]
struct Time {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Time) -> i32;
}

/// Of this thread.
#[inline(always)]
fn cpu_ns() -> u64 {
    const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
    let mut time = Time {
        seconds: 0,
        nanoseconds: 0,
    };
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.seconds as u64 * 1_000_000_000 + time.nanoseconds as u64
}

/// Works for so many milliseconds of CPU time: returns nanoseconds.
#[inline(never)]
fn spend(work: fn(), milliseconds: u64) -> u64 {
    let begin = cpu_ns();
    loop {
        work();
        let spent = cpu_ns() - begin;
        if spent >= milliseconds * 1_000_000 {
            return spent;
        }
    }
}

const WORK: [(&str, fn(), u64); 7] = [
    ("sorting", sorting::run, 5),
    ("hashing", hashing::run, 5),
    ("text", text::run, 5),
    ("dynamic", dynamic::run, 5),
    ("generics", generics::run, 5),
    ("recursion", recursion::run, 4),
    ("panics", panics::run, 4),
];

/// Panics are silent, and the tables load.
#[inline(never)]
fn begin() {
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::sleep(std::time::Duration::from_millis(300));
}

#[inline(never)]
fn report(spent: &[u64; WORK.len() + 1]) {
    let total = spent.iter().sum::<u64>() as f64;
    for (name, ns) in WORK.iter().map(|work| work.0).chain(["threads"]).zip(spent) {
        println!("split {} {:.4}", name, *ns as f64 / total);
    }
}

fn main() {
    let mut spent = [0; WORK.len() + 1];
    begin();
    for _ in 0..40 {
        for (at, work) in WORK.iter().enumerate() {
            spent[at] += spend(work.1, work.2);
        }
        spent[WORK.len()] += threads::run();
    }
    report(&spent);
}
