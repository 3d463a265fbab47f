-- What a sandbox may be asked for. Nothing is silently ignored: what this version cannot enforce is
-- refused by name, as is what does not exist.

local check = require "kavach.check"
local err = require "kavach.err"

local config = {}

local MIB <const> = 1024 * 1024
local YEARS_MS <const> = 10 * 366 * 24 * 3600 * 1000

---The memory of this machine.
---@return integer MiB
local function host_memory_mb()
  local file = io.open "/proc/meminfo"
  local kb = file and file:read "a":match "MemTotal:%s*(%d+) kB"
  if file then file:close() end
  return kb and tonumber(kb) // 1024 or 16 * 1024 * 1024
end

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

local function check_target(target)
  if target:sub(1, 1) ~= "/" or target:find("\0", 1, true) then
    return nil, ("an absolute path in the guest, got %q"):format(target)
  end
  if #target > GUEST_PATH_MOST then
    return nil, ("at most %d bytes, got %d"):format(GUEST_PATH_MOST, #target)
  end
  for part in target:gmatch "[^/]+" do
    if part == ".." then return nil, ("a path without '..', got %q"):format(target) end
  end
  if not target:find "[^/]" then return nil, "a folder below the guest's /" end
  return target
end

local MOUNT = {
  source = { type = "string", fn = no_nul "a path", required = true },
  target = { type = "string", fn = check_target, required = true },
  readonly = { type = "boolean", default = true },
}

local OPTIONS = {
  backend = { enum = { "auto", "sev-snp", "kvm", "tcg" }, default = "auto" },
  confidential = { enum = { "required", "preferred" } },
  cpu_limit = { type = "number", above = 0, max = 255, default = 2 },
  memory_limit_mb = {
    type = "integer", min = 1, default = 512,
    fn = function(mb)
      local most = host_memory_mb()
      if mb <= most then return mb end
      return nil, ("at most %d, the memory of this machine in MiB, got %d"):format(most, mb)
    end,
  },
  network = { fields = { enabled = { type = "boolean", default = false } }, default = {} },
  read_only_rootfs = "boolean",
  env = { map = "string", fn = check_env, default = {} },
  mounts = { list = { fields = MOUNT }, default = {} },
  transport = { enum = { "agent", "share" }, default = "agent" },
  kernel = PATH, initrd = PATH, qemu_path = PATH,
  timeout_ms = { type = "integer", min = 0, max = YEARS_MS, default = 30000 },
  grace_ms = { type = "integer", min = 0, max = YEARS_MS, default = 2000 },
  boot_timeout_ms = { type = "integer", min = 0, max = YEARS_MS, default = 120000 },
  heartbeat_ms = { type = "integer", min = 0, max = YEARS_MS, default = 30000 },
  max_output = { type = "integer", min = 0, max = 1024 * MIB, default = MIB },
  keep = { type = "boolean", default = false },
}

-- Known, because they are promised; refused, because nothing here enforces them yet.
local NOT_YET = {
  "allowed_hosts", "allowed_ports", "dialect", "disk_mb", "guest_policy", "image", "max_pids",
  "policy", "qemu_sha256", "root", "secrets",
}
for _, name in ipairs(NOT_YET) do OPTIONS[name] = "any" end

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

local function refuse(name, why)
  return err.fail("invalid_argument", ("sandbox: %s %s"):format(name, why),
    { op = "sandbox", option = name })
end

local function find_unenforced(options)
  for _, name in ipairs(NOT_YET) do
    if options[name] ~= nil then
      return refuse(name, "is not enforced in this version, so it is refused: leave it out")
    end
  end
  if options.network.enabled then
    return refuse("network.enabled", "= true is not available in this version")
  end
  if options.read_only_rootfs then
    return refuse("read_only_rootfs", "= true is not enforced in this version, so it is refused")
  end
  if options.cpu_limit ~= options.cpu_limit // 1 then
    return refuse("cpu_limit", ("= %s: a fraction of a CPU is not enforced in this version; "
      .. "use a whole number"):format(options.cpu_limit))
  end
  return true
end

local function check_mounts(mounts)
  local seen = {}
  for _, mount in ipairs(mounts) do
    local target = mount.target:gsub("/+", "/"):gsub("(.)/$", "%1")
    if seen[target] then return refuse("mounts", ("names the target '%s' twice"):format(target)) end
    seen[target], mount.target = true, target
    -- "PATH/." can be opened if PATH is a folder that may be searched; a file gives ENOTDIR.
    local folder, why = io.open(mount.source .. "/.")
    if not folder then
      return refuse("mounts", "needs a folder: " .. why:gsub("/%.: ", ": "))
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

---Checks the options of a sandbox and fills in the defaults. Misuse raises at the caller `level`
---steps up, or is an error value if there is no level; what cannot be enforced always is one.
---@param options table?
---@param level integer? as error() counts
---@return table? checked
---@return kavach.Error?
function config.check(options, level)
  local checked, misuse = check.test(OPTIONS, options, "sandbox")
  if misuse and level then error(misuse, level + 1) end
  if misuse then return err.fail("invalid_argument", misuse, { op = "sandbox" }) end
  local ok, why = find_unenforced(checked)
  if not ok then return nil, why end
  ok, why = check_mounts(checked.mounts)
  if not ok then return nil, why end
  return checked
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
