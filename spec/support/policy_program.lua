--- `kavach policy …` as a user would run it, with the key of its test platforms kept in the build.

local program = require "support.program"

local M = {}

local function quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- Runs kavach with these words. Returns its exit code, standard output and standard error.
function M.run(...)
  local words = { ("XDG_CACHE_HOME=%s/spec/cache"):format(program.absolute:match "^(.*)/"),
    quoted(program.kavach) }
  for i, word in ipairs { ... } do words[i + 2] = quoted(word) end
  return program.shell(table.concat(words, " "))
end

return M
