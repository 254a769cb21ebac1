#include "cli/sandbox_report.h"

#include "sandbox/languages/language.h"
#include "sandbox/owner/host.h"
#include "sandbox/sandbox.h"

namespace grpo {

Json describe_sandbox(Json& missing) {
  Json out = {{"usable", false},         {"tier", nullptr}, {"slots", nullptr},
              {"memory_bytes", nullptr}, {"why", nullptr},  {"why_not", nullptr}};
  try {
    SandboxOptions options;
    options.minimum_tier = Tier::kT4;
    const Sandbox sandbox(std::move(options));
    out["usable"] = true;
    out["tier"] = tier_name(sandbox.tier());
    out["slots"] = sandbox.slots();
    out["memory_bytes"] = sandbox.options().memory_bytes;
    if (sandbox.tier() != Tier::kT1) {
      out["why"] = sandbox.why();
      missing.push_back({{"name", "sandbox " + tier_name(Tier::kT1)},
                         {"what", "this machine gives " + tier_name(sandbox.tier()) + ": " + sandbox.why()},
                         {"fix", how_to_allow_more()}});
    }
  } catch (const Error& e) {
    out["why_not"] = e.summary();
    missing.push_back({{"name", "sandbox"}, {"what", e.summary()}, {"fix", e.fix()}});
  }
  return out;
}

Json describe_languages(Json& missing) {
  Json out = Json::object();
  for (const ProgrammingLanguage& language : languages()) {
    std::string why_not;
    const std::optional<Toolchain> found = find_toolchain(language, &why_not);
    out[language.name] = {{"installed", found.has_value()},
                          {"version", found ? Json(found->version) : Json()},
                          {"why_not", found ? Json() : Json(why_not)}};
    if (!found)
      missing.push_back(
          {{"name", language.name}, {"what", "programs in it cannot be judged"}, {"fix", why_not}});
  }
  return out;
}

}  // namespace grpo
