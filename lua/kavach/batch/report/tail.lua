--- The last lines of what a job wrote, as text: without colours and what else drives a terminal.

local M = {}

local LINES <const> = 20
local LINE_MOST <const> = 400
-- More than so many bytes hold no 20 lines that anybody reads.
local READ <const> = 32 * 1024

--- Where a path of the journal leads: one that is relative begins in the batch's folder of outputs.
---@param path string
---@param folder string?
---@return string
function M.resolve(path, folder)
  if path:sub(1, 1) == "/" or not folder then return path end
  return folder .. "/" .. path
end

local function end_of_file(path)
  local file <close> = require("kavach.core").file_open(path)
  local size = file and file:seek "end"
  if not size then return nil end
  file:seek("set", math.max(0, size - READ))
  return file:read(READ) or "", size > READ
end

-- The end of an output, and whether there is more before it.
local function bytes_of(output, folder)
  if output.text then return output.text:sub(-READ), #output.text > READ end
  if output.path then return end_of_file(M.resolve(output.path, folder)) end
end

--- Without escape sequences (ECMA-48: CSI, OSC and other strings, two-character ones).
---@param text string
---@return string
function M.plain(text)
  return (text:gsub("\27%[[0-?]*[ -/]*[@-~]", ""):gsub("\27[%]P_^X][^\7\27]*\7?", "")
    :gsub("\27[ -/]*[0-~]", ""))
end

-- Of a line that was written over and over again, a progress bar's, what stood there at last. (The
-- patterns here take a time that grows with the length of a line, not with its square.)
local function at_last(line)
  line = line:match "^(.*[^\r])" or ""
  return line:match "^.*\r(.*)$" or line
end

local function short_line(line)
  if #line <= LINE_MOST then return line end
  local last = LINE_MOST
  while last > 0 and (line:byte(last + 1) or 0) & 0xc0 == 0x80 do last = last - 1 end
  return line:sub(1, last) .. " …"
end

--- The last lines (20) of an output, each with its newline but the last. "" if there is nothing to
--- be seen, nil if it cannot be read.
---@param output table? as r:output gives it
---@param folder string? of the batch's outputs
---@return string?
---@return boolean? cut whether there was more before them
function M.lines(output, folder)
  local bytes, cut = bytes_of(output or {}, folder)
  if not bytes then return nil end
  local lines = {}
  for line in ((M.plain(bytes):match "^(.*%S)" or "") .. "\n"):gmatch "([^\n]*)\n" do
    lines[#lines + 1] = at_last(line)
  end
  local first = math.max(1, #lines - LINES + 1)
  cut = cut or first > 1
  for i = first, #lines do lines[i] = short_line(lines[i]) end
  return table.concat(lines, "\n", first), cut
end

--- What an attempt said last: on standard error, or if there is nothing, on standard output.
---@param r table a reader of a journal
---@param seq integer
---@param number integer?
---@param folder string?
---@return string? lines
---@return string? which "stderr", "stdout"
---@return boolean? cut
function M.last_words(r, seq, number, folder)
  for _, which in ipairs { "stderr", "stdout" } do
    local lines, cut = M.lines(r:output(seq, number, which), folder)
    if lines and lines ~= "" then return lines, which, cut end
  end
end

return M
