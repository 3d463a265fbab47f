--- The options of a command line that say what a sandbox is to be: `run` and `start` share them.
---
--- What belongs together stands in a file beside this one, which returns
---
---   { configure = function(parser) … end, read = function(args, box) … return true end }
---
--- `read` sets options of the sandbox in `box`, or returns nil and an error.

local err = require "kavach.err"
local options = require "kavach.cli.options"

local M = {}

local ENV_FILE_MAX <const> = 1 << 20 -- more than a guest is told at once (core/guest/wire.h)

local GROUPS <const> = {}
for i, name in ipairs { "machine", "limits", "network", "root" } do
  GROUPS[i] = require("kavach.cli.sandbox." .. name)
end

local function wrong(message, ...)
  return err.fail("invalid_argument", message:format(...))
end

-- ---- the environment ---------------------------------------------------------------------------

-- "NAME=VALUE", or "NAME" for the host's value; a name that the host does not have sets nothing.
local function set_variable(env, text, where)
  local name, value = text:match "^([^=]*)=(.*)$"
  name = name or text
  if name == "" then return wrong("%s: '%s' has no name", where, text) end
  if text:find("\0", 1, true) then return wrong("%s: '%s' has a NUL in it", where, name) end
  env[name] = value or os.getenv(name)
  return true
end

local function read_file(env, path)
  local text, why = require("kavach.file").read_all(path, ENV_FILE_MAX)
  if not text then return wrong("--env-file: %s", why) end
  local number = 0
  for line in text:gmatch "([^\n]*)\n?" do
    number = number + 1
    line = line:gsub("\r$", "")
    if line:find "%S" and not line:find "^%s*#" then
      local ok, e = set_variable(env, line, ("--env-file %s:%d"):format(path, number))
      if not ok then return nil, e end
    end
  end
  return true
end

---The variables that --env and --env-file ask for.
---@param args table of lua-argparse
---@return table<string, string>?
---@return kavach.Error?
function M.environment(args)
  local env = {}
  for _, path in ipairs(args.env_file) do
    local ok, why = read_file(env, path)
    if not ok then return nil, why end
  end
  -- What stands on the command line itself wins.
  for _, text in ipairs(args.env) do
    local ok, why = set_variable(env, text, "--env")
    if not ok then return nil, why end
  end
  return env
end

-- ---- mounts ------------------------------------------------------------------------------------

local function mounts(args)
  local list = {}
  for i, text in ipairs(args.mount) do
    -- The source may have colons in it, so it is read from the end.
    local source, target, mode = text:match "^(.+):(/[^:]*):(r[ow])$"
    if not source then source, target = text:match "^(.+):(/[^:]*)$" end
    if not source then
      return wrong("--mount '%s': expected SRC:DST or SRC:DST:rw, DST an absolute path", text)
    end
    list[i] = { source = source, target = target, readonly = mode ~= "rw" }
  end
  return list
end

-- ---- all of it ---------------------------------------------------------------------------------

---@param parser table of lua-argparse
function M.configure_environment(parser)
  parser:option("--env", "Set a variable, or pass the host's on."):argname "NAME[=VALUE]":count "*"
  parser:option("--env-file", "The same, from a file with one on each line."):count "*"
    :argname "FILE"
end

---@param parser table of lua-argparse
function M.configure(parser)
  for _, group in ipairs(GROUPS) do group.configure(parser) end
  M.configure_environment(parser)
  parser:option("--mount", "Show the guest a folder of the host, read-only unless :rw."):count "*"
    :argname "SRC:DST[:rw]"
  parser:option("--grace", "Between SIGTERM and SIGKILL when the time is up."):argname "TIME"
    :convert(options.duration)
  parser:option("--kernel", "The guest's kernel (also KAVACH_KERNEL)."):argname "FILE"
  parser:option("--initrd", "The guest's initramfs (also KAVACH_INITRD)."):argname "FILE"
  parser:flag("--cold", "Boot the guest, whether or not there is a template to start it from.")
  parser:flag("--keep", "Keep the private directory, and say where it is.")
end

---The options of the sandbox that these words ask for.
---@param args table of lua-argparse
---@return table?
---@return kavach.Error?
function M.read(args)
  local box = {
    kernel = args.kernel, initrd = args.initrd, keep = args.keep or false,
    template = not args.cold,
    grace_ms = args.grace, max_output = args.max_output,
  }
  local why
  box.env, why = M.environment(args)
  if box.env then box.mounts, why = mounts(args) end
  if not box.mounts then return nil, why end
  for _, group in ipairs(GROUPS) do
    local ok, trouble = group.read(args, box)
    if not ok then return nil, trouble end
  end
  return box
end

return M
