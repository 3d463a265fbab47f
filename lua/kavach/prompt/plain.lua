--- `kavach -i` where there is no terminal: reads a statement or an expression, runs it, prints what
--- it gives, as `lua5.4 -i` does.

local M = {}

local PROMPT <const>, MORE <const> = "> ", ">> "

local function read_line(prompt)
  io.write(prompt)
  io.flush()
  return io.read "l"
end

--- Reads lines until they compile, or can no longer be completed.
local function read_chunk()
  local text = read_line(PROMPT)
  if not text then return nil end
  local chunk = load("return " .. text, "=stdin")
  if chunk then return chunk end
  while true do
    local message
    chunk, message = load(text, "=stdin")
    if chunk or not message:find("<eof>", 1, true) then return chunk, message end
    local line = read_line(MORE)
    if not line then return chunk, message end
    text = text .. "\n" .. line
  end
end

local function show(ok, ...)
  if not ok then
    io.stderr:write(tostring((...)), "\n")
  elseif select("#", ...) > 0 then
    print(...)
  end
end

--- Until the end of standard input.
function M.run()
  while true do
    local chunk, message = read_chunk()
    if chunk then
      show(xpcall(chunk, function(e)
        return type(e) == "string" and debug.traceback(e, 2) or e
      end))
    elseif message then
      io.stderr:write(message, "\n")
    else
      io.write "\n"
      return
    end
  end
end

return M
