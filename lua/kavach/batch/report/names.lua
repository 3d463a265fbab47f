--- The names of folders that are made for jobs, from ids that may be anything: "a/b.png" gets
--- "a%2Fb.png". Letters, digits, blanks, "._@+=,-" and what is visible beyond ASCII stay as they
--- are, other bytes become %XX; so does a dot, dash or blank at the beginning, and a blank at the
--- end. Of what gets longer than 200 bytes the beginning is kept, "~" and 40 digits of its SHA-256.
--- A "~" stands in no other name, so distinct ids have distinct names.

local plain = require "kavach.plain"

local M = {}

local MOST <const> = 200
local DIGITS <const> = 40

local function encoded(bytes)
  return (bytes:gsub(".", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- A run of bytes beyond ASCII.
local function beyond(run)
  return plain.text(run) == run and run or encoded(run)
end

-- Where to end it after `most` bytes at the latest: neither within a %XX nor within a character.
local function cut(name, most)
  local last = most
  while last > 0 and (name:byte(last + 1) or 0) & 0xc0 == 0x80 do last = last - 1 end
  local short = name:sub(1, last)
  return (short:gsub("%%%x?$", ""))
end

local function digest(id)
  local bytes = require("kavach.snp").digest("sha256", id)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)):sub(1, DIGITS)
end

---@param id string of a job: not empty
---@return string
function M.folder(id)
  if #id <= MOST and not id:find "[^%w_]" then return id end
  local name = id:gsub("[^%w ._@+=,\x80-\xff-]", encoded):gsub("[\x80-\xff]+", beyond)
    :gsub("^[ .-]", encoded):gsub(" $", encoded)
  if #name <= MOST then return name end
  return cut(name, MOST - DIGITS - 1) .. "~" .. digest(id)
end

return M
