-- Folders in and out of the guest: tar archives, by the agent's own tar at one end and the helper
-- of core/archive at the other. What comes out is hostile; unpack.h says what is taken of it.

local core = require "kavach.core"
local err = require "kavach.err"
local command = require "kavach.sandbox.command"
local console = require "kavach.sandbox.console"
local process = require "kavach.process"
local task = require "kavach.task"
local transfer = require "kavach.sandbox.transfer"

local tree = {}

local SIGKILL <const> = 9
local SAID_MOST <const> = 4096 -- bytes kept of what a program complains of
local SAID_SHOWN <const> = 300

-- The end of what a program has said, on one line.
local function last_words(bytes)
  local words = console.printable((bytes:gsub("%s+$", ""):gsub("\n", "; ")))
  return #words <= SAID_SHOWN and words or "…" .. words:sub(-SAID_SHOWN)
end

local function failed(what, said, fields)
  return err.fail("io", ("%s: %s"):format(what, said), fields)
end

-- ---- the guest's end ---------------------------------------------------------------------------

local function tool(agent, argv, stdin)
  local running, why = command.start(agent, { argv = argv, tool = true, stdin = stdin })
  if not running then return nil, why end
  running.stderr:collect(SAID_MOST)
  return running
end

-- Waits for its end; what it complained of is an error, unless it may and went on.
local function finish(running, what, may_complain)
  local exit, cause = running:wait()
  if not exit then return nil, err.wrap(cause, what) end
  local said = last_words(running.stderr:collected())
  if exit.exit_code == 0 and (may_complain or said == "") then return true end
  if said == "" then said = ("tar ended with %d"):format(exit.exit_code) end
  return failed(what, said)
end

local function make_folder(agent, path, mode, what)
  local running <close>, why = tool(agent, { "mkdir", "-p", "-m", ("%o"):format(mode), "--", path })
  if not running then return nil, why end
  running.stdout:discard()
  local ok
  ok, why = finish(running, what)
  return ok, why
end

-- ---- the host's end ----------------------------------------------------------------------------

local function helper(order, path, limits, options)
  return process.start({ core.helper_dir() .. "/archive", order, path,
    tostring(limits.max_bytes), tostring(limits.max_entries) }, options)
end

-- Waits for its end: true, or nil and what it says.
local function finish_helper(ours, what)
  local said = ours.stderr:read_all() or ""
  local ended, why = ours:wait()
  if not ended then return nil, err.wrap(why, what) end
  if ended.exit_code == 0 then return true end
  return failed(what, said ~= "" and last_words(said)
    or ("the helper 'archive' ended with %d"):format(ended.exit_code))
end

-- ---- both --------------------------------------------------------------------------------------

---Copies what is in a folder of the host into one of the guest, which is made if it is not there.
---What comes before an error stays there.
---@param agent kavach.agent
---@param source string
---@param target string absolute path in the guest
---@param limits kavach.copy.limits
---@return boolean? true
---@return kavach.Error?
function tree.put(agent, source, target, limits)
  local there = ("put: %s in the guest"):format(target)
  local packer <close>, why = helper("pack", source, limits)
  if not packer then return nil, why end
  local ok
  ok, why = make_folder(agent, target, transfer.mode_of(source), there)
  if not ok then return nil, why end
  local unpacker <close>, unavailable = tool(agent, { "tar", "-x", "-f", "-", "-C", target }, true)
  if not unpacker then return nil, unavailable end
  unpacker.stdout:discard()
  local bytes, taken
  repeat
    bytes = packer:read()
    taken = bytes and unpacker:write(bytes)
  until not taken
  if not bytes then
    ok, why = finish_helper(packer, "put")
    if not ok then return nil, why end
    unpacker:close_stdin()
  end
  ok, why = finish(unpacker, there, true)
  if ok and bytes then return failed(there, "tar ended before the archive did") end
  return ok, why
end

-- Removes what there is of a tree, when who makes it is gone.
local function clear(unpacker, path)
  unpacker:kill(SIGKILL)
  unpacker:wait()
  process.exec { core.helper_dir() .. "/archive", "remove", path }
end

-- Copies from the one to the other until either has ended: true if it was the first.
local function pump(packer, unpacker)
  while true do
    local bytes = packer:read()
    if not bytes then return true end
    if not unpacker:write(bytes) then return false end
  end
end

local function receive(agent, source, partial, limits)
  local there = ("get: %s in the guest"):format(source)
  local unpacker <close>, why = helper("unpack", partial, limits,
    { stdin = "pipe", stdout = "null" })
  if not unpacker then return nil, why end
  local whole = false
  local _ <close> = setmetatable({}, { __close = function()
    if not whole then task.shield(clear, unpacker, partial) end
  end })
  local packer <close>, unavailable = tool(agent, { "tar", "-c", "-f", "-", "-C", source, "." })
  if not packer then return nil, unavailable end
  local ended = pump(packer, unpacker)
  unpacker.stdin:close()
  local ok
  if ended then
    -- What it leaves out, it says.
    ok, why = finish(packer, there)
    if not ok then return nil, why end
  end
  ok, why = finish_helper(unpacker, there)
  whole = ok
  return ok, why
end

---Copies a folder of the guest to the host. The target must not exist; it appears when it is whole.
---@param agent kavach.agent
---@param source string absolute path in the guest
---@param target string
---@param limits kavach.copy.limits
---@return boolean? true
---@return kavach.Error?
function tree.get(agent, source, target, limits)
  local lfs = require "lfs"
  if lfs.symlinkattributes(target, "mode") then
    return failed("get", ("%s exists already, and %s is a folder: name a target that does not "
      .. "exist"):format(target, source), { path = target })
  end
  local partial = transfer.partial(target)
  local ok, why = receive(agent, source, partial, limits)
  if not ok then return nil, why end
  ok, why = os.rename(partial, target)
  if ok then return true end
  process.exec { core.helper_dir() .. "/archive", "remove", partial }
  return failed("get", why, { path = target })
end

return tree
