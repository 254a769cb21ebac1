#pragma once
// The options that everything has which talks to a web server.

#include <string>

#include "core/json.h"
#include "rewards/plugins/http_connection.h"

namespace grpo {

// Reads
//   KEY      "http://host:port/path" or "https://..."; KEY is `url_key`
//   headers  object of strings, sent along
//   ca_file  the certificates to trust, PEM, relative to `folder`; default: the system's
//   verify   default true; false: the server's certificate is not looked at
// Throws Error on anything else, and if ca_file cannot be read.
HttpOptions read_http_options(ObjectReader& options, const std::string& url_key, const std::string& folder);

}  // namespace grpo
