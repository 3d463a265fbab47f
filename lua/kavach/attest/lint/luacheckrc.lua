--- luacheck's configuration for policies: the names of the policy VM (core/rules/vm_*.c), and no
--- others.

local function fields(names)
  local out = {}
  for name in names:gmatch "%S+" do out[name] = {} end
  return { fields = out, other_fields = false }
end

return {
  std = "policy",
  stds = {
    policy = {
      read_globals = {
        "policy", "version", "description", "include", "expect", "rule", "any_of", "all_of",
        "contains", "starts_with", "ends_with", "glob", "assert", "error", "getmetatable", "ipairs",
        "pairs", "pcall", "select", "setmetatable", "tonumber", "tostring", "type", "xpcall",
        data = { other_fields = true },
        string = fields [[byte char contains ends_with format glob len lower reverse starts_with
          sub upper]],
        table = fields "concat insert move pack remove sort unpack",
        math = fields [[abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min
          mininteger modf pi rad sin sqrt tan tointeger type ult]],
        utf8 = fields "char codepoint codes len offset",
      },
    },
  },
  max_line_length = false,
}
