local core = require "kavach.core"
local file = require "kavach.file"
local host = require "support.host"
local lfs = require "lfs"
local program = require "support.program"
local stream = require "kavach.stream"

local ENOENT <const>, ENXIO <const>, EEXIST <const>, EISDIR <const>, EINVAL <const> = 2, 6, 17, 21,
  22

describe("a file that is named", function()
  local folder, remove
  setup(function()
    folder, remove = host.folder()
    assert.equal(0, (program.shell(("mkfifo '%s/fifo'"):format(folder))))
  end)
  teardown(function() remove() end)

  -- What is said of it behind its path, and the number.
  local function refused(path, mode)
    local opened, message, code = core.file_open(path, mode)
    assert.is_nil(opened)
    assert.equal(path .. ": ", message:sub(1, #path + 2))
    return { message:sub(#path + 3), code }
  end

  it("is not waited for, and refused if it is no regular file", function()
    assert.same({ "it is a FIFO, not a regular file", EINVAL }, refused(folder .. "/fifo"))
    local _ <close> = assert(stream.listen(folder .. "/socket"))
    assert.same({ "it is a socket, not a regular file", EINVAL }, refused(folder .. "/socket"))
    assert.same({ "it is a device, not a regular file", EINVAL }, refused "/dev/zero")
    assert.same({ "Is a directory", EISDIR }, refused(folder))
    assert.same({ "No such file or directory", ENOENT }, refused(folder .. "/none"))
  end)

  it("is otherwise a file like any other", function()
    local path = host.write(folder .. "/plain", "one\ntwo")
    local opened <close> = assert(core.file_open(path))
    assert.equal("file", io.type(opened))
    assert.same({ "one", "two", 7 }, { opened:read "l", opened:read "a", opened:seek "end" })
    assert.is_true(opened:close())
    assert.equal("closed file", io.type(opened))
    assert.error_matches(function() core.file_open(path, "r+") end, "invalid option 'r%+'")
  end)

  it("is empty if it is /dev/null", function()
    assert.equal("", file.read("/dev/null", 10))
  end)

  it("may be written, if that can be without waiting", function()
    local path = folder .. "/written"
    for _, step in ipairs { { "w", "abc", "abc" }, { "a", "d", "abcd" }, { "w", "e", "e" } } do
      local opened = assert(core.file_open(path, step[1]))
      opened:write(step[2])
      assert.is_true(opened:close())
      assert.equal(step[3], host.slurp(path))
    end
    assert.same({ "it is a FIFO that nobody reads", ENXIO }, refused(folder .. "/fifo", "w"))
    assert.same({ "it is a FIFO that nobody reads", ENXIO }, refused(folder .. "/fifo", "a"))
    assert.same({ "Is a directory", EISDIR }, refused(folder, "w"))
    local _, out = host.script([[
      local core = require "kavach.core"
      core.file_open(arg[1], "a"):write "to whoever reads"
    ]], "/dev/stdout")
    assert.equal("to whoever reads", out)
  end)

  it("may be made, if there is none yet, and is its owner's then", function()
    local path = folder .. "/new"
    local opened = assert(core.file_open(path, "x"))
    opened:write "abc"
    assert.is_true(opened:close())
    assert.same({ "abc", 384 }, { host.slurp(path), core.file_facts(path).mode }) -- 0600
    assert.same({ "File exists", EEXIST }, refused(path, "x"))
    assert(lfs.link("nowhere", folder .. "/dangling", true))
    assert.same({ "File exists", EEXIST }, refused(folder .. "/dangling", "x"))
    assert.equal("abc", host.slurp(path))
  end)

  it("is read up to a limit, and no further", function()
    local path = host.write(folder .. "/ten", "0123456789")
    assert.equal("0123456789", file.read(path, 10))
    assert.equal("0123456789", file.read_all(path, 10))
    assert.is_true(#file.read(path, 9) > 9)
    local bytes, why = file.read_all(path, 9)
    assert.same({ nil, "invalid_argument", path .. ": more than 9 bytes" },
      { bytes, why.kind, why.message })
    bytes, why = file.read_all(folder .. "/fifo", 9)
    assert.same({ nil, "io", folder .. "/fifo" }, { bytes, why.kind, why.path })
    host.endless(folder .. "/endless")
    assert.is_true(#file.read(folder .. "/endless", 1000) > 1000)
  end)

  for _, lua in ipairs(host.interpreters()) do
    local name = lua:match "%S+$"

    -- What a script prints of what it reads, under a shell that has READ and FIFO.
    local function read(shape)
      local script = host.write(folder .. "/read.lua", [[
        local bytes, why = require "kavach.file".read_all(arg[1], 1000000)
        io.write(bytes and #bytes .. " " .. bytes:sub(1, 9) or why.message)
      ]])
      local line = host.write(folder .. "/line", ([[
READ() { timeout -s KILL 8 %s %s "$@"; }
%s
]]):format(lua, script, shape:gsub("FIFO", folder .. "/fifo")))
      local code, out, errors = program.shell("bash " .. line)
      assert.same({ 0, "" }, { code, errors })
      return out
    end

    it("may be a pipe that was handed over, in " .. name, function()
      assert.equal("2 hi", read "printf hi | READ /dev/stdin")
      assert.equal("2 hi", read "READ <(printf hi)")
      assert.equal("2 hi", read "READ /proc/self/fd/7 7< <(sleep 0.1; printf hi)")
      assert.equal("2 hi", read "printf hi >FIFO & READ /dev/stdin <FIFO")
      assert.equal("0 ", read "READ <(:)")
      assert.equal("300000 xxxxxxxxx", read "READ <(head -c 300000 /dev/zero | tr '\\0' x)")
      assert.equal("/dev/fd/7: more than 1000000 bytes", read "READ /dev/fd/7 7< <(yes)")
      assert.equal("/dev/fd/99: No such file or directory", read "READ /dev/fd/99")
      assert.equal("/dev/fd/7: Is a directory", read "READ /dev/fd/7 7</")
    end)
  end

  it("does not hold up other tasks while a pipe has nothing", function()
    local script = [[
      local file, kavach = require "kavach.file", require "kavach"
      local ticks = 0
      kavach.spawn(function() while true do ticks = ticks + 1 kavach.sleep(5) end end)
      io.write(file.read("/dev/stdin", 100), " ", ticks > 1 and "ticked" or "stood still")
      os.exit(0, true)
    ]]
    local path = host.write(folder .. "/ticks.lua", script)
    local _, out = program.shell(("{ sleep 0.3; printf hi; } | %s %s"):format(program.kavach, path))
    assert.equal("hi ticked", out)
  end)
end)
