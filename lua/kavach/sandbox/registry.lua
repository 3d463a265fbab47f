-- The sandboxes of this process: their numbers and names, for whoever asks from outside.

local core = require "kavach.core"
local err = require "kavach.err"

local registry = {}

-- Those that nobody holds any more are collected, as if there were no registry.
local boxes = setmetatable({}, { __mode = "v" })
local watchers = {}
local last = 0

-- The program lets its sandboxes be reached. Another host of Lua does so if it is asked to.
local function listen(self, on_step)
  if not core.program() then return true end
  local ok, why = require("kavach.sandbox.control").listen()
  if not ok then on_step("cannot be reached from outside: " .. tostring(why)) end
  return ok or not self.config.name, why
end

---Gives a sandbox that is about to start its id and its name.
---@param self kavach.Sandbox
---@param on_step fun(what: string)
---@return boolean? true
---@return kavach.Error?
function registry.enter(self, on_step)
  last = last + 1
  self.number = last
  self.id, self.created_ns = ("%d-%d"):format(core.getpid(), last), core.wall_clock()
  local ok, why = listen(self, on_step)
  if ok and self.config.name then
    ok, why = require("kavach.sandbox.control.hosts").claim(self.config.name)
  end
  if not ok then return err.fail("creation_failed", tostring(why), { op = "sandbox" }) end
  self.name = self.config.name
  return true
end

---It does not run any more, or never did.
---@param self kavach.Sandbox
function registry.leave(self)
  boxes[self.number] = nil
  if self.name then require("kavach.sandbox.control.hosts").release(self.name) end
  self.name = nil
end

---Its VM has been started: it can be reached until that ends.
---@param self kavach.Sandbox
function registry.add(self)
  boxes[self.number] = self
  local vm, name, number = self.vm, self.name, self.number
  local function look()
    if not vm.ended or not number then return end
    -- Not the sandbox itself: what the VM holds must not keep its owner alive.
    registry.leave { number = number, name = name }
    number = nil
  end
  vm.changed:watch(look)
  for watcher in next, watchers do watcher(self.id, name, vm) end
  look()
end

---Has fn called with each sandbox that there is, and will be: its id, its name and its VM, which is
---not to keep the sandbox alive.
---@param fn fun(id: string, name?: string, vm: kavach.vm)
---@return fun() stop
function registry.watch(fn)
  watchers[fn] = true
  for _, box in ipairs(registry.list()) do fn(box.id, box.name, box.vm) end
  return function() watchers[fn] = nil end
end

---Those that run, oldest first.
---@return kavach.Sandbox[]
function registry.list()
  local list = {}
  for _, box in next, boxes do list[#list + 1] = box end
  table.sort(list, function(a, b) return a.number < b.number end)
  return list
end

---@param id string
---@return kavach.Sandbox?
---@return kavach.Error?
function registry.find(id)
  for _, box in next, boxes do
    if box.id == id then return box end
  end
  return err.fail("invalid_argument", ("there is no sandbox '%s' in process %d any more"):format(id,
    core.getpid()))
end

return registry
