std = "lua54"
max_line_length = 100
-- The attacks are not written to please.
exclude_files = { "build", "build-*", "spec/rules/attacks" }
-- What a policy VM has (core/rules).
stds.policy = {
  read_globals = {
    "policy", "version", "description", "include", "expect", "rule", "any_of", "all_of", "data",
    "contains", "starts_with", "ends_with", "glob", "assert", "error", "getmetatable", "ipairs",
    "math", "pairs", "pcall", "select", "setmetatable", "string", "table", "tonumber", "tostring",
    "type", "utf8", "xpcall",
  },
}
-- What their tests have, too (lua/kavach/attest/tests).
stds.policy_test = {
  read_globals = {
    "describe", "it", "given", "evidence", "evaluate", "filled", "cases",
    assert = { fields = { "allowed", "denied", "equal", "same", "is_true", "is_false", "is_nil",
      "contains" } },
  },
}
files["spec"] = { std = "lua54+busted" }
files["spec/rules/policies"] = { std = "policy" }
files["spec/bench/policies"] = { std = "policy" }
files["scripts/policies"] = { std = "policy" }
files["scripts/policies/*_test.lua"] = { std = "policy+policy_test" }
files["lua/kavach/attest/tests/assertions.lua"] = { std = "policy" }
files["lua/kavach/attest/tests/prelude.lua"] = {
  std = "policy", read_globals = { "assertions_of" }, -- the function that assertions.lua becomes
}
files[".luacheckrc"] = { ignore = { "111", "112" } }
-- This spec catches what a command prints.
files["spec/cli/init_spec.lua"] = { ignore = { "122" } }
