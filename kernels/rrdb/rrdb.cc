#include "rrdb.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu.h"
#include "network.h"
#include "picture.h"
#include "steps.h"
#include "team.h"

namespace rrdb {
namespace {

constexpr int kMostThreads = 64;
constexpr int kLongestSide = 4096;

struct Work {
  Team& team;
  const Network& network;
  const Picture& picture;
  const unsigned char* rgb;
  unsigned char* out;
};

void compute(const Work& work) {
  const Network& network = work.network;
  const auto scale_of = [&](int block) {
    return block < network.blocks ? network.dense[block].scale : network.body_scale;
  };
  first_convolution(work.team, network, work.picture, work.rgb, scale_of(0));
  for (int block = 0; block < network.blocks; ++block)
    dense_block(work.team, network.dense[block], work.picture, block % 3 == 2, scale_of(block + 1));
  reconstruct(work.team, network, work.picture, work.out);
}

void* join_in(void* given) {
  const Work& work = *static_cast<const Work*>(given);
  work.team.wait_for_start();
  compute(work);
  return nullptr;
}

// On fewer threads where the system gives no more.
void compute_together(const Work& work, int threads) {
  pthread_t others[kMostThreads];
  int started = 0;
  while (started < threads - 1 && !pthread_create(&others[started], nullptr, join_in, const_cast<Work*>(&work)))
    ++started;
  work.team.start(started + 1);
  compute(work);
  for (int i = 0; i < started; ++i) pthread_join(others[i], nullptr);
}

bool fits(int side, int fold) { return side > 0 && side <= kLongestSide && side % fold == 0; }

}  // namespace
}  // namespace rrdb

int rrdb_abi(void) { return 1; }

int rrdb_supported(void) { return rrdb::has_avx512_vnni(); }

void* rrdb_open(const unsigned char* data, size_t size) { return rrdb::read_network(data, size); }

int rrdb_scale(void* network) { return static_cast<rrdb::Network*>(network)->scale(); }

int rrdb_run(void* given, const unsigned char* rgb, int height, int width, unsigned char* out, int threads) {
  using namespace rrdb;
  const Network& network = *static_cast<Network*>(given);
  if (!fits(height, network.fold) || !fits(width, network.fold)) return 2;
  const int rows = height / network.fold, columns = width / network.fold;
  Arena counting(nullptr);
  Picture counted(counting, rows, columns);
  const size_t size = counting.used();
  void* block = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) return 1;
  madvise(block, size, MADV_HUGEPAGE);
  Arena arena(static_cast<unsigned char*>(block));
  const Picture picture(arena, rows, columns);
  Team team;
  const int most = threads < 1 ? 1 : threads > kMostThreads ? kMostThreads : threads;
  compute_together({team, network, picture, rgb, out}, most);
  // Nothing of a picture is left behind.
  memset(block, 0, size);
  __asm__ volatile("" : : "r"(block) : "memory");
  munmap(block, size);
  return 0;
}

void rrdb_close(void* network) { rrdb::free_network(static_cast<rrdb::Network*>(network)); }
