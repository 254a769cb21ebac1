// Says why the host that it runs on cannot have a sandbox of the tier that it is given ("T2"); ends with 0 and says nothing
// where it can. Run by deny, it answers for the host that deny makes.

#include <cstdio>

#include "tests/sandbox/host_allows.h"

int main(int count, char** words) {
  const std::optional<grpo::Tier> tier = count == 2 ? grpo::tier_of(words[1]) : std::nullopt;
  if (!tier) {
    std::fprintf(stderr, "usage: host_tier T1|T2|T3|T4\n");
    return 2;
  }
  const std::string denied = grpo::host_denies(*tier);
  std::fprintf(stderr, "%s", denied.c_str());
  return denied.empty() ? 0 : 1;
}
