// Threads that run one program together: loops shared out item by item, with a barrier after each.
#pragma once

#include <immintrin.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rrdb {

// A number that threads wait to see changed.
class Signal {
 public:
  uint32_t value() const { return __atomic_load_n(&value_, __ATOMIC_SEQ_CST); }

  void set(uint32_t value) {
    __atomic_store_n(&value_, value, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&sleepers_, __ATOMIC_SEQ_CST))
      syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }

  void wait_while(uint32_t old) {
    for (int spin = 0; spin < kSpins; ++spin) {
      if (value() != old) return;
      _mm_pause();
    }
    __atomic_add_fetch(&sleepers_, 1, __ATOMIC_SEQ_CST);
    while (value() == old) syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
    __atomic_sub_fetch(&sleepers_, 1, __ATOMIC_SEQ_CST);
  }

 private:
  // A step of the network takes some 100 µs: spin for a few of them, then leave the core to others.
  static constexpr int kSpins = 500;

  uint32_t value_ = 0;
  int sleepers_ = 0;
};

class Team {
 public:
  // Lets the members go that wait for it.
  void start(int size) {
    size_ = size;
    started_.set(1);
  }

  void wait_for_start() { started_.wait_while(0); }

  // Runs body(item) for each item in [0, count), each on whichever member is free, and waits until all are done.
  // Every member calls it, with the same count.
  template <class Body>
  void share(int count, const Body& body) {
    // Two counters in turn: one is reset while all members wait, when nobody can be using the other yet.
    const uint32_t round = round_.value();
    int* next = &next_[round & 1];
    for (int item; (item = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED)) < count;) body(item);
    if (__atomic_add_fetch(&arrived_, 1, __ATOMIC_ACQ_REL) < size_) {
      round_.wait_while(round);
      return;
    }
    *next = 0;
    arrived_ = 0;
    round_.set(round + 1);
  }

 private:
  int size_ = 1;
  Signal started_;
  alignas(64) int next_[2] = {0, 0};
  alignas(64) int arrived_ = 0;
  alignas(64) Signal round_;
};

}  // namespace rrdb
