--- Runs the program of this build, or another, as a user would.

local lfs = require "lfs"

local M = {}

M.build = os.getenv "KAVACH_BUILD" or "build"
M.kavach = M.build .. "/kavach"
--- The same, from any directory.
M.absolute = M.kavach:sub(1, 1) == "/" and M.kavach or lfs.currentdir() .. "/" .. M.kavach

local function quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local function take(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "a"
  f:close()
  os.remove(path)
  return text
end

--- Runs a shell command. Returns its exit code, standard output and standard error.
function M.shell(command)
  local out, errors = os.tmpname(), os.tmpname()
  local _, how, code = os.execute(("{ %s\n} >%s 2>%s </dev/null"):format(command, out, errors))
  return how == "signal" and 128 + code or code, take(out), take(errors)
end

--- Runs lines for the shell that mount something first, for themselves alone, and exit with 99 if
--- they cannot. Returns as `shell` does; or nil, and why this user may not mount.
function M.mounting(lines)
  local code, out, errors = M.shell("unshare -m sh -c " .. quoted(lines))
  if code == 99 or errors:find "^unshare" then
    return nil, "no file system can be mounted here: " .. errors
  end
  return code, out, errors
end

--- Runs kavach with these words.
function M.run(...)
  local words = { quoted(M.kavach) }
  for i, word in ipairs { ... } do words[i + 1] = quoted(word) end
  return M.shell(table.concat(words, " "))
end

return M
