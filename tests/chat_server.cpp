#include "tests/chat_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

namespace grpo {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

std::string ServedRequest::text() const {
  if (body.contains("prompt")) return body["prompt"].get<std::string>();
  return body["messages"].back()["content"].get<std::string>();
}

std::string chat_body(const std::vector<std::string>& texts) {
  Json reply = {{"id", "x"}, {"model", "served"}, {"choices", Json::array()}};
  for (size_t i = 0; i < texts.size(); ++i) {
    reply["choices"].push_back({{"index", i},
                                {"message", {{"role", "assistant"}, {"content", texts[i]}}},
                                {"finish_reason", "stop"}});
  }
  reply["usage"] = {{"prompt_tokens", 10}, {"completion_tokens", 3 * texts.size()}};
  return reply.dump();
}

struct ChatServer::State {
  explicit State(Script given) : script(std::move(given)) {
    acceptor.open(tcp::v4());
    acceptor.bind({asio::ip::make_address("127.0.0.1"), 0});
    acceptor.listen();
    port = acceptor.local_endpoint().port();
    listener = std::thread([this] { listen(); });
  }

  ~State() {
    {
      const std::lock_guard lock(mutex);
      ending = true;
      boost::system::error_code ignored;
      for (tcp::socket& socket : sockets) socket.shutdown(tcp::socket::shutdown_both, ignored);
    }
    changed.notify_all();
    ::shutdown(acceptor.native_handle(), SHUT_RDWR);
    listener.join();
    for (std::thread& thread : threads) thread.join();
  }

  void listen() {
    while (true) {
      tcp::socket socket(context);
      boost::system::error_code error;
      acceptor.accept(socket, error);
      const std::lock_guard lock(mutex);
      if (ending) return;
      if (error) continue;
      sockets.push_back(std::move(socket));
      tcp::socket& kept = sockets.back();
      threads.emplace_back([this, &kept] { serve(kept); });
    }
  }

  void serve(tcp::socket& socket) {
    boost::beast::flat_buffer buffer;
    boost::system::error_code error;
    while (!error) {
      http::request<http::string_body> request;
      http::read(socket, buffer, request, error);
      if (error) break;
      ServedRequest served = arrived(request);
      const ServedReply reply = script(served);
      if (!pause(reply.delay_seconds)) break;
      leaves();
      std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " Said\r\nContent-Length: " +
                         std::to_string(reply.body.size()) + "\r\n";
      for (const auto& [name, value] : reply.headers) text += name + ": " + value + "\r\n";
      text += "\r\n";
      const bool closes = reply.close_after_bytes >= 0;
      text += closes ? reply.body.substr(0, static_cast<size_t>(reply.close_after_bytes)) : reply.body;
      asio::write(socket, asio::buffer(text), error);
      if (closes) break;
    }
    const std::lock_guard lock(mutex);
    socket.shutdown(tcp::socket::shutdown_both, error);
  }

  ServedRequest arrived(const http::request<http::string_body>& request) {
    ServedRequest served;
    served.target = std::string(request.target());
    for (const auto& field : request) {
      std::string name(field.name_string());
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      served.headers[name] = std::string(field.value());
    }
    served.body = Json::parse(request.body());
    const std::lock_guard lock(mutex);
    served.number = requests.size();
    requests.push_back(served);
    in_flight_max = std::max(in_flight_max, ++in_flight);
    return served;
  }

  void leaves() {
    const std::lock_guard lock(mutex);
    --in_flight;
  }

  // False if the server ends meanwhile.
  bool pause(double seconds) {
    std::unique_lock lock(mutex);
    return !changed.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return ending; });
  }

  Script script;
  asio::io_context context;
  tcp::acceptor acceptor{context};
  unsigned port = 0;
  mutable std::mutex mutex;
  std::condition_variable changed;
  bool ending = false;
  std::list<tcp::socket> sockets;
  std::list<std::thread> threads;
  std::vector<ServedRequest> requests;
  int64_t in_flight = 0;
  int64_t in_flight_max = 0;
  std::thread listener;
};

ChatServer::ChatServer(Script script) : state_(std::make_unique<State>(std::move(script))) {}

ChatServer::~ChatServer() = default;

std::string ChatServer::base_url() const { return "http://127.0.0.1:" + std::to_string(state_->port) + "/v1"; }

std::vector<ServedRequest> ChatServer::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

int64_t ChatServer::in_flight_max() const {
  const std::lock_guard lock(state_->mutex);
  return state_->in_flight_max;
}

size_t ChatServer::num_connections() const {
  const std::lock_guard lock(state_->mutex);
  return state_->sockets.size();
}

}  // namespace grpo
