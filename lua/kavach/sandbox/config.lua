-- What a sandbox may be asked for. Nothing is silently ignored: what this version cannot enforce is
-- refused by name, as is what does not exist.

local check = require "kavach.check"
local err = require "kavach.err"
local limits = require "kavach.sandbox.config.limits"
local refusal = require "kavach.sandbox.config.refusal"

local config = {}

local MIB <const> = 1024 * 1024
local YEARS_MS <const> = 10 * 366 * 24 * 3600 * 1000

local function no_nul(what)
  return function(value)
    if value == "" then return nil, what .. ", not an empty one" end
    if value:find("\0", 1, true) then return nil, what .. " without a NUL" end
    return value
  end
end

local PATH = { type = "string", fn = no_nul "a path" }
local DURATION = { type = "integer", min = 0, max = YEARS_MS }

---Checks names and values of an environment.
local function check_env(env)
  for name, value in next, env do
    if name == "" or name:find "[=%z]" then
      return nil, ("a table whose names have no '=' and no NUL, got %q"):format(name)
    end
    if value:find("\0", 1, true) then
      return nil, ("a table whose values have no NUL; that of '%s' has one"):format(name)
    end
  end
  return env
end

local ENV = { map = "string", fn = check_env }

local GUEST_PATH_MOST <const> = 4095 -- Linux: PATH_MAX, with its NUL

-- What the guest's kernel shows there is what the agent and its limits stand on.
local KERNELS <const> = { proc = true, sys = true, dev = true }

local function check_target(target)
  if target:sub(1, 1) ~= "/" or target:find("\0", 1, true) then
    return nil, ("an absolute path in the guest, got %q"):format(target)
  end
  if #target > GUEST_PATH_MOST then
    return nil, ("at most %d bytes, got %d"):format(GUEST_PATH_MOST, #target)
  end
  for part in target:gmatch "[^/]+" do
    if part == ".." or part == "." then
      return nil, ("a path without '.' and '..', got %q"):format(target)
    end
  end
  local first = target:match "[^/]+"
  if not first then return nil, "a folder below the guest's /" end
  if KERNELS[first] then
    return nil, ("elsewhere than in /%s, which is the kernel's, got %q"):format(first, target)
  end
  return target
end

local MOUNT = {
  source = { type = "string", fn = no_nul "a path", required = true },
  target = { type = "string", fn = check_target, required = true },
  readonly = { type = "boolean", default = true },
}

local OPTIONS = {
  env = { map = "string", fn = check_env, default = {} },
  mounts = { list = { fields = MOUNT }, default = {} },
  kernel = PATH, initrd = PATH,
  timeout_ms = { type = "integer", min = 0, max = YEARS_MS, default = 30000 },
  grace_ms = { type = "integer", min = 0, max = YEARS_MS, default = 2000 },
  boot_timeout_ms = { type = "integer", min = 0, max = YEARS_MS, default = 120000 },
  heartbeat_ms = { type = "integer", min = 0, max = YEARS_MS, default = 30000 },
  max_output = { type = "integer", min = 0, max = 1024 * MIB, default = MIB },
  keep = { type = "boolean", default = false },
  template = { type = "boolean", default = true },
}

-- What belongs together stands in a file of its own, which returns
--
--   { options = { NAME = rule … }, check = function(checked) … return true end }
--
-- `check` is called when each option by itself is right. It completes what is given, and returns
-- nil and an error for what cannot be. `check_backend(checked, backend)`, if it is there, does the
-- same once the backend is known.
local GROUPS <const> = {}
for i, name in ipairs { "machine", "limits", "network", "root", "measured", "name" } do
  GROUPS[i] = require("kavach.sandbox.config." .. name)
  for option, rule in next, GROUPS[i].options do OPTIONS[option] = rule end
end

local EXEC = {
  env = ENV, cwd = PATH,
  user = { type = "string", fn = no_nul "a user" },
  stdin = { type = { "string", "table", "userdata" } },
  timeout_ms = DURATION, grace_ms = DURATION,
  max_output = { type = "integer", min = 0, max = 1024 * MIB },
  pty = {
    fields = {
      rows = { type = "integer", min = 1, max = 65535, default = 24 },
      columns = { type = "integer", min = 1, max = 65535, default = 80 },
    },
  },
}

local START = { env = EXEC.env, cwd = EXEC.cwd, user = EXEC.user, pty = EXEC.pty }

local function check_mounts(mounts)
  local seen = {}
  for _, mount in ipairs(mounts) do
    local target = mount.target:gsub("/+", "/"):gsub("(.)/$", "%1")
    if seen[target] then
      return refusal("mounts", ("names the target '%s' twice"):format(target))
    end
    seen[target], mount.target = true, target
    -- "PATH/." can be opened if PATH is a folder that may be searched; a file gives ENOTDIR.
    local folder, why = io.open(mount.source .. "/.")
    if not folder then
      return refusal("mounts", "needs a folder: " .. why:gsub("/%.: ", ": "))
    end
    folder:close()
    mount.source = config.absolute(mount.source)
  end
  return true
end

---A path that means the same in every working directory.
---@param path string
---@return string
function config.absolute(path)
  if path:sub(1, 1) == "/" then return path end
  return require("lfs").currentdir() .. "/" .. path
end

---An environment as the list that a command gets, in one order. What `more` names wins.
---@param env table
---@param more table?
---@return string[]
function config.env_list(env, more)
  local merged, list = {}, {}
  for name, value in next, env do merged[name] = value end
  for name, value in next, more or {} do merged[name] = value end
  for name, value in next, merged do list[#list + 1] = name .. "=" .. value end
  table.sort(list)
  return list
end

---Checks the options of a sandbox and fills in the defaults. Misuse raises at the caller `level`
---steps up, or is an error value if there is no level; what cannot be enforced always is one.
---@param options table?
---@param level integer? as error() counts
---@return table? checked
---@return kavach.Error?
function config.check(options, level)
  local expanded, why = limits.expand(options)
  if err.is(why) then return nil, why end
  local checked, misuse = nil, why
  if not misuse then checked, misuse = check.test(OPTIONS, expanded, "sandbox") end
  if misuse and level then error(misuse, level + 1) end
  if misuse then return err.fail("invalid_argument", misuse, { op = "sandbox" }) end
  for _, group in ipairs(GROUPS) do
    local fine
    fine, why = group.check(checked)
    if not fine then return nil, why end
  end
  local ok
  ok, why = check_mounts(checked.mounts)
  if not ok then return nil, why end
  return checked
end

---Whether the backend that was chosen can do what is asked for.
---@param checked table
---@param backend string
---@return boolean? true
---@return kavach.Error?
function config.check_backend(checked, backend)
  for _, group in ipairs(GROUPS) do
    local ok, why = true, nil
    if group.check_backend then ok, why = group.check_backend(checked, backend) end
    if not ok then return nil, why end
  end
  return true
end

---The same for the options of one command in it.
---@param options table?
---@param level integer
---@return table checked
function config.check_exec(options, level)
  local checked = check.table(EXEC, options, "exec", level + 1)
  return checked
end

---The same for a command that is started and left to run.
---@param options table?
---@param level integer
---@return table checked
function config.check_start(options, level)
  local checked = check.table(START, options, "start", level + 1)
  return checked
end

---The names of the options, for whoever offers them otherwise.
---@return table
function config.options() return OPTIONS end

return config
