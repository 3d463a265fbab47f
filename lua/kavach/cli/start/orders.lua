--- What `kavach start` and the host that it leaves behind say to each other, over the descriptor
--- that the host has for it. The words do not stand on the host's command line: everybody could
--- read there what is in them for as long as it runs.
---
---   to the host: u32 size, then each word as u32 size and bytes
---   back:        one message of the control protocol, when the sandbox is ready or will never be:
---                { id, name, pid } or { exit_code, error = { kind, message } }; then the end

local core = require "kavach.core"
local err = require "kavach.err"
local frame = require "kavach.sandbox.control.frame"
local stream = require "kavach.stream"

local M = {}

local DETACH_FD <const> = 3 -- core/loop/detach.h
local WORDS_MOST <const> = 16 * 1024 * 1024

---@param to kavach.Stream
---@param words string[]
---@return boolean? true
---@return kavach.Error?
function M.send(to, words)
  local parts = {}
  for i, word in ipairs(words) do parts[i] = string.pack("<s4", word) end
  return to:write(string.pack("<s4", table.concat(parts)))
end

---The host's end of it.
---@return kavach.Stream?
---@return kavach.Error?
function M.channel()
  local raw, why = core.stream(DETACH_FD, true)
  if not raw then return err.fail("io", "serve --detached is for kavach start alone: " .. why) end
  return stream.wrap(raw, "the starter")
end

local function read_exactly(from, count)
  local parts = {}
  while count > 0 do
    local bytes, why = from:read(count)
    if not bytes then return nil, why or err.new("io", "the starter is gone") end
    parts[#parts + 1], count = bytes, count - #bytes
  end
  return table.concat(parts)
end

---@param from kavach.Stream
---@return string[]? words
---@return kavach.Error?
function M.receive(from)
  local head, why = read_exactly(from, 4)
  if not head then return nil, why end
  local size = string.unpack("<I4", head)
  if size > WORDS_MOST then return err.fail("io", "the starter's words are too long") end
  local body
  body, why = read_exactly(from, size)
  if not body then return nil, why end
  local words, at = {}, 1
  while at <= #body do words[#words + 1], at = string.unpack("<s4", body, at) end
  return words
end

---Tells the starter how it went.
---@param to kavach.Stream
---@param message table
function M.answer(to, message)
  to:write(assert(frame.message(message)))
  to:close()
end

---What the host told; nil if it ended without a word.
---@param from kavach.Stream
---@return table? message
function M.outcome(from)
  local text = from:read_all()
  return text and text ~= "" and frame.parse_message(text) or nil
end

return M
