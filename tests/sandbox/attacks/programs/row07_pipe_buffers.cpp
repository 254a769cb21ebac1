// Row 7: kernel memory in pipe and socket buffers, in every process it may have. Says whether the sum stayed small, and
// fails when it can open no more.
#include <sys/mman.h>
#include <sys/socket.h>

#include "tests/sandbox/attacks/programs/report.h"

static long fill(int file) {
  static char page[4096];
  fcntl(file, F_SETFL, O_NONBLOCK);
  long filled = 0;
  for (long written = 0; (written = write(file, page, sizeof page)) > 0;) filled += written;
  return filled;
}

static long fill_descriptors() {
  long filled = 0;
  for (int ends[2]; pipe(ends) == 0;) {
    fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
    filled += fill(ends[1]);
  }
  return filled;
}

int main(int, const char** argv) {
  arguments = argv;
  // Bytes filled, and how many children are done filling.
  auto* total = static_cast<volatile long*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0) *total = *total + fill(ends[0]) + fill(ends[1]);
  for (int i = 0; i < 4; ++i) {
    if (fork() != 0) continue;
    const long filled = fill_descriptors();
    __atomic_fetch_add(total, filled, __ATOMIC_RELAXED);
    say("out of descriptors");
    __atomic_fetch_add(total + 1, 1, __ATOMIC_RELAXED);
    for (;;) pause();
  }
  while (__atomic_load_n(total + 1, __ATOMIC_RELAXED) < 4) usleep(1000);
  say(*total <= 96L << 20 ? "little kernel memory" : "MUCH kernel memory");
  return 1;
}
