--- Files that a user names. core.file_open, which opens them, waits for nothing and takes nothing
--- but regular files and /dev/null, so that a FIFO or a device given by mistake is an error.
--- What is read from its beginning to its end may be a pipe as well, if it was handed over as a
--- descriptor: /dev/stdin, or /dev/fd/N, as which a shell gives <(…).

local core = require "kavach.core"
local err = require "kavach.err"

local M = {}

local EACCES <const>, EINVAL <const> = 13, 22
local PIECE <const> = 1 << 12

-- The number of the descriptor that a path names, if it does.
local function descriptor(path)
  if path == "/dev/stdin" then return 0 end
  return tonumber(path:match "^/dev/fd/(%d+)$" or path:match "^/proc/self/fd/(%d+)$")
end

---What a path names, to be read from its beginning to its end. Its `read(count)` gives some bytes;
---nil at the end; or nil and why it failed.
---@param path string
---@return file*|kavach.Stream|nil
---@return string? message "PATH: why"
---@return integer? errno
function M.source(path)
  local file, message, code = core.file_open(path)
  -- What is there and may be read, but not by its path: EACCES is a pipe of another user's.
  local fd = (code == EINVAL or code == EACCES) and descriptor(path)
  if not fd then return file, message, code end
  local stream, why = require("kavach.stream").open(fd)
  if stream then return stream end
  return nil, ("%s: %s"):format(path, why), code
end

-- What to read first: all of it, if it tells its size.
local function first_piece(source, most)
  local size = io.type(source) and source:seek "end" or 0
  if size > 0 then source:seek "set" end
  return math.min(size, most) + PIECE
end

---The bytes of a file. Of one with more than `most`, so many of them that there are more.
---@param path string
---@param most integer
---@return string?
---@return string? message "PATH: why"
---@return integer? errno
function M.read(path, most)
  local source <close>, message, code = M.source(path)
  if not source then return nil, message, code end
  local parts, size, piece = {}, 0, first_piece(source, most)
  while size <= most do
    local bytes, why, number = source:read(piece)
    if why then return nil, ("%s: %s"):format(path, why), number end
    if not bytes then break end
    parts[#parts + 1], size, piece = bytes, size + #bytes, PIECE
  end
  return #parts == 1 and parts[1] or table.concat(parts)
end

---The bytes of a file that has no more than `most`.
---@param path string
---@param most integer
---@return string?
---@return kavach.Error? of kind `io` if it cannot be read, `invalid_argument` if it has more
function M.read_all(path, most)
  local bytes, message = M.read(path, most)
  if not bytes then return err.fail("io", message, { path = path }) end
  if #bytes <= most then return bytes end
  return err.fail("invalid_argument", ("%s: more than %d bytes"):format(path, most),
    { path = path })
end

return M
