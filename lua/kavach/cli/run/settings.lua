--- From the words of `kavach run` to what a sandbox and a command are asked for.

local err = require "kavach.err"

local M = {}

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
  local file <close>, why = io.open(path, "rb")
  if not file then return wrong("--env-file: %s", why) end
  local text, unreadable = file:read "a"
  if not text then return wrong("--env-file: %s: %s", path, unreadable) end
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

local function environment(args)
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

-- ---- pairs of paths ----------------------------------------------------------------------------

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

local function copies(texts, option, pattern, which)
  local list = {}
  for i, text in ipairs(texts) do
    local source, target = text:match(pattern)
    if not source then
      return wrong("%s '%s': expected SRC:DST, %s an absolute path in the guest", option, text,
        which)
    end
    list[i] = { source = source, target = target }
  end
  return list
end

-- ---- all of it ---------------------------------------------------------------------------------

local function sandbox_options(args, env, mounted)
  return {
    backend = args.backend, memory_limit_mb = args.memory, cpu_limit = args.cpus,
    kernel = args.kernel, initrd = args.initrd, transport = args.transport,
    keep = args.keep or false, mounts = mounted, env = env,
    grace_ms = args.grace, max_output = args.max_output,
  }
end

---@class kavach.run.settings
---@field sandbox table options of the sandbox
---@field command string|string[]
---@field exec table options of the command: cwd, user
---@field put table[]
---@field get table[]
---@field timeout_ms integer 0: none
---@field grace_ms integer
---@field max_output integer? nil: no cap on what is streamed
---@field json boolean
---@field log_json boolean steps are told as JSON lines
---@field tty boolean
---@field verbose boolean

---@param args table of lua-argparse
---@return kavach.run.settings?
---@return kavach.Error?
function M.read(args)
  local words = args.command
  if #words == 0 then return wrong "no command: see kavach run --help" end
  local env, mounted, put, get, why
  env, why = environment(args)
  if env then mounted, why = mounts(args) end
  if mounted then put, why = copies(args.put, "--put", "^(.+):(/[^:]*)$", "DST") end
  if put then get, why = copies(args.get, "--get", "^(/[^:]*):(.+)$", "SRC") end
  if not get then return nil, why end
  if args.json and args.tty then return wrong "--tty and --json exclude each other" end
  if args.timeout == 0 then return wrong "--timeout: no time at all" end
  if args.workdir == "" then return wrong "--workdir: an empty path" end
  if args.user == "" then return wrong "--user: an empty name" end
  return {
    sandbox = sandbox_options(args, env, mounted),
    command = (#words == 1 and not args.separated) and words[1] or words,
    exec = { cwd = args.workdir, user = args.user },
    put = put, get = get,
    timeout_ms = args.timeout or 0, grace_ms = args.grace or 2000,
    max_output = args.max_output,
    json = args.json or false, log_json = args.log_format == "json",
    tty = args.tty or false, verbose = args.verbose or false,
  }
end

return M
