-- Reading and writing streams of kavach.core by callback, for what a VM owns for all its life: its
-- console, the agent's port, QMP. They are in no task, so they are in no scope that would wait for
-- them, and they go on whenever someone drives the loop.

local pipe = {}

local READ_SIZE <const> = 64 * 1024

---Gives each piece that comes to on_bytes, until the end, or until the stream is closed. One piece
---for each turn of the loop, so that a flood does not keep anything else from its turn.
---@param stream userdata
---@param on_bytes fun(bytes: string)
---@param on_end fun(why?: string) not called if it was we who closed the stream
---@param wanted? fun(most: integer): integer how many bytes to read next, at most
function pipe.read(stream, on_bytes, on_end, wanted)
  local function again()
    if stream:is_closed() then return end
    local bytes, why = stream:try_read(wanted and wanted(READ_SIZE) or READ_SIZE)
    if bytes == nil then return on_end(why) end
    if bytes == "" then return on_end() end
    if bytes then on_bytes(bytes) end
    if not stream:is_closed() then stream:wait_read(again) end
  end
  again()
end

---Writes all the bytes, then calls done(true), or done(nil, why); not if it was we who closed it.
---@param stream userdata
---@param bytes string
---@param done fun(ok: boolean?, why?: string)
function pipe.write(stream, bytes, done)
  local from = 1
  local function again()
    if stream:is_closed() then return end
    while from <= #bytes do
      local count, why = stream:try_write(bytes, from)
      if count == nil then return done(nil, why) end
      if count == false then return stream:wait_write(again) end
      from = from + count
    end
    done(true)
  end
  again()
end

---Waits for one connection to a listening stream.
---@param listener userdata
---@param done fun(stream?: userdata, why?: string)
function pipe.accept(listener, done)
  local function again()
    if listener:is_closed() then return end
    local stream, why = listener:try_accept()
    if stream == false then return listener:wait_read(again) end
    done(stream, why)
  end
  again()
end

return pipe
