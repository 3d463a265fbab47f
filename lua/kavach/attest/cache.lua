--- Certificates that were fetched, kept in files: $XDG_CACHE_HOME/kavach/certs, or
--- ~/.cache/kavach/certs.
---
---   objects/SHA256     the bytes, named after what they are: damage is seen, and read as absence
---   index/NAME         the SHA256 that NAME stands for
---
--- Directories are 0700, files 0600, and each appears whole or not at all.

local core = require "kavach.core"
local err = require "kavach.err"
local file = require "kavach.file"
local snp = require "kavach.snp"
local xdg = require "kavach.xdg"

local M = {}

local OBJECT_MAX <const> = 1024 * 1024

---@class kavach.CertificateCache
---@field dir string
local Cache = { __name = "kavach.CertificateCache" }
Cache.__index = Cache

--- Where the cache is unless told otherwise; nil and a message if the environment does not say.
---@return string?
---@return string? message
function M.default_dir()
  return xdg.cache("certs", "certificates")
end

--- The cache in a directory, which is made when something is put there.
---@param dir string
---@return kavach.CertificateCache
function M.open(dir)
  return setmetatable({ dir = dir }, Cache)
end

local function check_name(name)
  assert(#name <= 250 and name:find "^[%w._-]+$" and name:sub(1, 1) ~= ".", name)
  return name
end

--- The bytes of that name and the path of their file; nil if there are none; nil and a message if
--- they are not as they were put there.
---@param name string
---@return string? bytes
---@return string? path or message
function Cache:get(name)
  local index = self.dir .. "/index/" .. check_name(name)
  local digest = file.read_all(index, 128)
  if not digest then return nil end
  digest = digest:match "^(%x+)\n$"
  if not digest or #digest ~= 64 then return nil, index .. " is damaged" end
  local path = self.dir .. "/objects/" .. digest
  local bytes = file.read_all(path, OBJECT_MAX)
  if not bytes then return nil, path .. " is missing" end
  if snp.hex(snp.sha256(bytes)) ~= digest then return nil, path .. " is damaged" end
  return bytes, path
end

--- Keeps bytes under a name. Returns the path of their file.
---@param name string
---@param bytes string
---@return string? path
---@return kavach.Error?
function Cache:put(name, bytes)
  check_name(name)
  local digest = snp.hex(snp.sha256(bytes))
  local path = self.dir .. "/objects/" .. digest
  local function step(ok, message, kind)
    if not ok then return nil, err.new(kind, message, { op = "certs.fetch" }) end
    return true
  end
  local ok, why = step(core.private_directory(self.dir .. "/objects"))
  if ok then ok, why = step(core.private_directory(self.dir .. "/index")) end
  if ok then ok, why = step(core.private_file(path, bytes)) end
  if ok then ok, why = step(core.private_file(self.dir .. "/index/" .. name, digest .. "\n")) end
  if not ok then return nil, why end
  return path
end

return M
