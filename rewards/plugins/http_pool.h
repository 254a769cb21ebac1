#pragma once
// The connections to one server, lent out one call at a time: their number is how many calls are in flight at most.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "rewards/plugins/http_connection.h"

namespace grpo {

class HttpPool {
 public:
  // Connects when a connection is first used. Throws std::runtime_error if ca_file cannot be read.
  HttpPool(HttpOptions options, size_t connections);
  ~HttpPool();
  HttpPool(const HttpPool&) = delete;
  HttpPool& operator=(const HttpPool&) = delete;

  const HttpOptions& options() const { return options_; }

  // A connection that nobody else uses meanwhile. Must not outlive the pool.
  class Lease {
   public:
    Lease(HttpPool& pool, std::unique_ptr<HttpConnection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    ~Lease() { pool_.give_back(std::move(connection_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    // As HttpConnection::post with a deadline `timeout` seconds from now; tries a second time, within the same
    // deadline, where the server had closed a connection that was kept open.
    HttpReply post(const std::string& target, const std::string& body, double timeout,
                   const GivenUp& given_up = nullptr);

   private:
    HttpPool& pool_;
    std::unique_ptr<HttpConnection> connection_;
  };

  // Waits, without a deadline, until a connection is free. Throws NetworkError (kGivenUp) if the caller gives up.
  // Safe from several threads at once.
  Lease take(const GivenUp& given_up = nullptr);

 private:
  void give_back(std::unique_ptr<HttpConnection> connection);

  const HttpOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<HttpConnection>> idle_;  // the last one given back is taken first
};

}  // namespace grpo
