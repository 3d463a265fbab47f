--- A session's way to its front end and back: frames, out without waiting, in as they come.

local frame = require "kavach.prompt.frame"
local waiters = require "kavach.sandbox.waiters"

local M = {}

-- Who prints more than this waits until the terminal has taken some of it.
local UNSENT_MOST <const> = 256 * 1024

---@class kavach.prompt.link
---@field unsent integer bytes that are on their way
---@field over boolean nothing more goes out or comes in
local Link = {}
Link.__index = Link

---@class kavach.prompt.link.ends
---@field read fun(): string? what the front end says; waits; nil: it is gone
---@field write fun(bytes: string): boolean? waits; nil: it is gone
---@field write_some fun(bytes: string): integer|false|nil how many it took; does not wait

---@param ends kavach.prompt.link.ends
---@return kavach.prompt.link
function M.new(ends)
  return setmetatable({
    ends = ends, queue = {}, unsent = 0, over = false, changed = waiters.new(),
    decoder = frame.decoder(),
  }, Link)
end

--- At once if that can be: what an entry prints by other ways comes after its BUSY.
---@param kind integer
---@param payload? string
function Link:send(kind, payload)
  if self.over then return end
  local bytes = frame.encode(kind, payload)
  local sent = self.unsent == 0 and self.ends.write_some(bytes) or 0
  if sent == #bytes then return end
  bytes = bytes:sub(sent + 1)
  self.queue[#self.queue + 1] = bytes
  self.unsent = self.unsent + #bytes
  self.changed:wake()
end

--- Whether not too much is on its way already.
function Link:has_room() return self.unsent <= UNSENT_MOST or self.over end

function Link:wait_for_room()
  if self:has_room() then return end
  self.changed:until_true(function() return self:has_room() end)
end

--- Writes what could not be sent at once, until the link is over and all is out, or the front end
--- is gone.
function Link:pump()
  while true do
    self.changed:until_true(function() return #self.queue > 0 or self.over end)
    if #self.queue == 0 then return end
    local bytes = table.concat(self.queue)
    self.queue = {}
    if not self.ends.write(bytes) then return self:close(true) end
    self.unsent = self.unsent - #bytes
    self.changed:wake()
  end
end

--- Reads frames until the link is over, the front end is gone, or breaks the rules.
---@param take fun(kind: integer, payload: string): string? what is wrong with it, if so
function Link:receive(take)
  while not self.over do
    local bytes = self.ends.read()
    if not bytes then return end
    self.decoder:feed(bytes)
    while not self.over do
      local kind, why, payload = self.decoder:next()
      if not kind and not why then break end
      if not kind or take(kind, payload) then return self:close(true) end
    end
  end
end

--- No more is sent or taken. What is on its way is written all the same, unless it is dropped.
---@param drop? boolean
function Link:close(drop)
  if drop then self.queue, self.unsent = {}, 0 end
  self.over = true
  self.changed:wake()
end

return M
