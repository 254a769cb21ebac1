// Encoding of whole data sets on several threads; see tokenizer.h.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "policy/io/tokenizer.h"

namespace grpo {
namespace {

constexpr size_t kTextsAtOnce = 16;  // that a thread takes: few, for texts differ in length

// What went wrong with the first text that failed.
class FirstFailure {
 public:
  // Texts from here on need not be encoded.
  size_t before() const { return before_.load(std::memory_order_relaxed); }

  void note(size_t text, std::exception_ptr what) {
    const std::lock_guard lock(mutex_);
    if (text >= before_.load()) return;
    before_.store(text);
    what_ = std::move(what);
  }

  void rethrow() const {
    if (what_ == nullptr) return;
    try {
      std::rethrow_exception(what_);
    } catch (const Error& e) {
      throw Error(e.summary(), fmt::format("text {}: {}", before_.load(), e.where()), e.fix());
    }
  }

 private:
  std::mutex mutex_;
  std::atomic<size_t> before_{~size_t{0}};
  std::exception_ptr what_;
};

}  // namespace

std::vector<std::vector<int64_t>> Tokenizer::encode_all(std::span<const std::string> texts,
                                                        bool add_special_tokens, int threads) const {
  std::vector<std::vector<int64_t>> ids(texts.size());
  std::atomic<size_t> next{0};
  FirstFailure failure;
  // Texts are handed out in order, so all before the first failure are done when the threads end.
  const auto work = [&] {
    for (size_t begin; (begin = next.fetch_add(kTextsAtOnce)) < std::min(texts.size(), failure.before());) {
      for (size_t i = begin; i < std::min({begin + kTextsAtOnce, texts.size(), failure.before()}); ++i) {
        try {
          ids[i] = encode(texts[i], add_special_tokens);
        } catch (...) {
          failure.note(i, std::current_exception());
        }
      }
    }
  };

  const size_t cores = threads > 0 ? static_cast<size_t>(threads) : std::thread::hardware_concurrency();
  const size_t useful = (texts.size() + kTextsAtOnce - 1) / kTextsAtOnce;
  {
    std::vector<std::jthread> others;
    while (others.size() + 1 < std::min(cores, useful)) {
      try {
        others.emplace_back(work);
      } catch (const std::system_error&) {
        break;  // no more threads are to be had: those there are do the work
      }
    }
    work();
  }
  failure.rethrow();
  return ids;
}

}  // namespace grpo
