#include "rewards/plugins/http_options.h"

#include <fmt/format.h>

#include "rewards/plugins/place.h"

namespace grpo {

HttpOptions read_http_options(ObjectReader& options, const std::string& url_key, const std::string& folder) {
  HttpOptions read;
  const std::string url = options.string(url_key);
  try {
    read.url = parse_url(url);
  } catch (const std::invalid_argument& e) {
    options.fail(url_key, fmt::format("\"{}\" is no URL: {}", url, e.what()), "write http://host:port/path");
  }
  const Json headers = read_object(options, "headers");
  for (const auto& [name, value] : headers.items()) {
    const bool broken = !value.is_string() || name.empty() ||
                        name.find_first_of("\r\n: ") != std::string::npos ||
                        value.get<std::string>().find_first_of("\r\n") != std::string::npos;
    if (broken) options.fail("headers", fmt::format("\"{}\" is no header with a text of one line", name));
    read.headers.emplace_back(name, value.get<std::string>());
  }
  read.verify = options.boolean("verify", true);
  const std::string ca_file = options.string("ca_file", "");
  if (!ca_file.empty()) read.ca_file = path_from(folder, ca_file);
  if (!read.url.tls && options.has("ca_file"))
    options.fail("ca_file", "it has no effect on http://", "leave it out, or use https://");
  if (!read.url.tls && options.has("verify"))
    options.fail("verify", "it has no effect on http://", "leave it out, or use https://");
  try {
    make_tls_settings(read);
  } catch (const std::runtime_error& e) {
    options.fail("ca_file", fmt::format("no certificates can be read from it: {}", e.what()), "give a PEM file");
  }
  return read;
}

}  // namespace grpo
