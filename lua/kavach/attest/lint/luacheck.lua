--- What luacheck (Debian's lua-check) says of a policy's text. It runs as a program of its own,
--- with a deadline: the text may be hostile.

local process = require "kavach.process"

local M = {}

local DEADLINE_MS <const>, OUTPUT_MAX <const> = 10000, 1 << 20
local WARNINGS_AND_ERRORS <const> = 2 -- what it exits with; above that, it could not run

-- "stdin:3:1-3: (W113) accessing undefined variable 'foo'". A syntax error is loading's to tell.
local function finding(line)
  local at, code, message = line:match "^stdin:(%d+):[%d-]*: %(([EW]%d+)%) (.*)$"
  if not at or code:sub(1, 1) == "E" then return nil end
  return { line = math.tointeger(tonumber(at)), code = code, message = message }
end

--- The findings about a text; nil if luacheck is not there, or did not end.
---@param text string
---@return { line: integer, code: string, message: string }[]?
function M.check(text)
  local config = assert(package.searchpath("kavach.attest.lint.luacheckrc", package.path))
  local result = process.exec({ "luacheck", "--no-cache", "--config", config, "--no-color",
    "--codes", "--ranges", "--formatter", "plain", "-" }, {
    stdin = text, timeout_ms = DEADLINE_MS, max_output = OUTPUT_MAX,
  })
  local ended = result and not result.timed_out and result.exit_code
  if not ended or ended > WARNINGS_AND_ERRORS then return nil end
  local found = {}
  for line in result.stdout:gmatch "[^\n]+" do found[#found + 1] = finding(line) end
  return found
end

return M
