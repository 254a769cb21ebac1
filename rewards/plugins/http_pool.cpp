#include "rewards/plugins/http_pool.h"

namespace grpo {

HttpPool::HttpPool(HttpOptions options, size_t connections) : options_(std::move(options)) {
  const std::shared_ptr<TlsSettings> tls = make_tls_settings(options_);
  for (size_t i = 0; i < connections; ++i) idle_.push_back(std::make_unique<HttpConnection>(options_, tls));
}

HttpPool::~HttpPool() = default;

HttpPool::Lease HttpPool::take(const GivenUp& given_up) {
  std::unique_lock lock(mutex_);
  while (idle_.empty()) {
    if (!given_up) {
      changed_.wait(lock);
      continue;
    }
    changed_.wait_for(lock, std::chrono::milliseconds(100));
    if (given_up()) throw NetworkError("given up, waiting for a free connection", NetworkFault::kGivenUp);
  }
  std::unique_ptr<HttpConnection> connection = std::move(idle_.back());
  idle_.pop_back();
  return {*this, std::move(connection)};
}

void HttpPool::give_back(std::unique_ptr<HttpConnection> connection) {
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(connection));
  }
  changed_.notify_one();
}

HttpReply HttpPool::Lease::post(const std::string& target, const std::string& body, double timeout,
                                const GivenUp& given_up) {
  using std::chrono::steady_clock;
  const auto deadline = steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(
                                                  std::chrono::duration<double>(timeout));
  try {
    return connection_->post(target, body, deadline, given_up);
  } catch (const NetworkError& e) {
    if (!e.stale()) throw;
  }
  return connection_->post(target, body, deadline, given_up);
}

}  // namespace grpo
