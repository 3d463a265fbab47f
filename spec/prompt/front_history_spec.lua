local front = require "support.front"
local host = require "support.host"
local lfs = require "lfs"
local program = require "support.program"

describe("the history of a prompt's front end", function()
  local folder, remove, path, f

  before_each(function()
    folder, remove = host.folder()
    path = folder .. "/state/kavach/history"
  end)
  after_each(function()
    if f then f:close() end
    f = nil
    remove()
  end)

  local function open()
    f = front.open { words = "--history " .. path }
    return f:begin()
  end

  local function enter(text)
    f:type(text):keys("Enter")
    assert.equal(text, f:take())
  end

  --- Waits until the file ends with this.
  local function kept(text)
    host.eventually(function() return host.slurp(path):sub(-#text) == text end)
    assert.equal(text, host.slurp(path):sub(-#text))
  end

  --- What the next Up shows, submitted.
  local function recall(...)
    for _, key in ipairs { ... } do f:keys(key) end
    f:keys "Enter"
    return f:take()
  end

  it("is kept for the next, each entry once, in a file of its owner's", function()
    open()
    for _, text in ipairs { "one", "two", "one", " hidden", "three\\n" } do enter(text) end
    f:type("drawn"):keys("Up"):ends "> three\\n"
    f:keys("Down"):with "drawn"
    assert.equal("drawn", recall())
    kept "one\ntwo\none\nthree\\\\n\ndrawn\n"
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
    assert.equal("rwx------", lfs.attributes(folder .. "/state/kavach", "permissions"))
    f:close()
    open()
    assert.equal("two", recall("Up", "Up", "Up", "Up"))
    assert.equal("two", recall "Up")
    assert.equal("three\\n", recall("C-p", "C-p", "C-p"))
  end)

  it("has entries of several lines as a whole", function()
    open()
    enter "before"
    f:type("do"):keys("Enter")
    f:expect "SUBMIT"
    f:send "MORE"
    f:cursor(0, 2):type("end"):keys("Enter")
    assert.equal("do\nend", f:take())
    f:close()
    open()
    f:keys("Up"):shows { "> do", "end" }:keys("Up", "Up"):shows { "> before" }
    f:keys("Down"):shows { "> do", "end" }:keys("Enter")
    assert.equal("do\nend", f:take())
  end)

  it("does not have answers, nor is there any for them", function()
    open()
    enter "first"
    f:keys "Enter"
    f:expect "SUBMIT"
    f:ready("Name: ", 1):with "Name:"
    f:keys("Up", "C-r"):type("secret"):keys("Enter")
    assert.equal("secret", f:take())
    assert.equal("first", recall "Up")
  end)

  it("is searched with Ctrl-R", function()
    open()
    for _, text in ipairs { "alpha 日本", "beta one", "alpha two", "gamma" } do enter(text) end
    f:type("un"):keys("C-r"):type("alp"):with "(search)`alp': alpha two"
    f:keys("C-r"):with "alp': alpha 日本"
    f:keys("C-s"):with "alp': alpha two"
    f:keys("C-g"):with "> un"
    f:keys("C-r"):type("日"):with "`日': alpha 日本"
    f:keys("BSpace"):type("zz"):with "(no such entry)`zz':"
    f:keys("BSpace", "BSpace"):type("one"):with "`one': beta one"
    f:keys("End"):ends "> beta one"
    f:type("!"):keys("Enter")
    assert.equal("beta one!", f:take())
    f:type("mine"):keys("C-r"):type("alph"):keys "C-g"
    f:keys("C-_", "Enter") -- nothing was done but to type
    assert.equal("", f:take())
    f:type("mine"):keys("C-r"):type("alph"):keys("C-e", "C-_", "Enter")
    assert.equal("mine", f:take())
    f:type("draft"):keys("Up", "C-_"):type("X"):keys("Down", "Enter")
    assert.equal("draftX", f:take())
    f:keys("C-r"):type("gam"):with "`gam': gamma"
    f:keys "Enter"
    assert.equal("gamma", f:take())
  end)

  it("is shared by prompts at the same time", function()
    open()
    local first = f
    open()
    enter "second's"
    f, first = first, f
    enter "first's"
    first:close()
    f:close()
    open()
    assert.equal("first's", recall "Up")
    assert.equal("second's", recall("Up", "Up"))
  end)

  it("becomes shorter when it is too long, and forgets the oldest", function()
    assert(lfs.mkdir(folder .. "/state"))
    assert(lfs.mkdir(folder .. "/state/kavach"))
    local list = {}
    for i = 1, 10500 do list[i] = "entry " .. i end
    list[10501] = "last"
    host.write(path, table.concat(list, "\n") .. "\nentry 9000\nhalf")
    open()
    local text = host.slurp(path)
    local _, count = text:gsub("\n", "")
    assert.equal(10000, count)
    assert.equal("entry 503\n", text:match "^[^\n]*\n")
    kept "\nentry 10500\nlast\nentry 9000\nhalf\n"
    enter "more"
    kept "\nhalf\nmore\n"
  end)

  it("is not of more than there is room for", function()
    open()
    f:paste(("x"):rep(300000)):keys("Enter")
    assert.equal(300000, #f:take())
    enter "small"
    kept "small\n"
    assert.equal(6, lfs.attributes(path, "size"))
  end)

  it("is done without if its file is none", function()
    for what, command in pairs {
      ["Is a directory"] = "mkdir -p state/kavach/history",
      ["it is a link"] =
        "mkdir -p state/kavach; touch other; ln -s ../../other state/kavach/history",
      ["it is a FIFO"] = "mkdir -p state/kavach; mkfifo state/kavach/history",
      ["File exists"] = "touch state",
    } do
      assert.equal(0, (program.shell(("cd %s && rm -rf state && %s"):format(folder, command))))
      open()
      local lines = f:lines()
      assert.matches("^history: .*" .. what, table.concat(lines), nil)
      enter "one"
      assert.equal("one", recall "Up")
      f:close()
      f = nil
    end
  end)

  --- That nothing of the file is taken, and nothing is written to it.
  local function does_without(env, what, command)
    local ours = folder .. "/state/kavach"
    assert.equal(0, (program.shell(("mkdir -p %s && cd %s && echo old > history && %s"):format(
      ours, ours, command))))
    f = front.open { words = "--history " .. path, env = env }
    f:begin()
    assert.matches("^history: .*" .. what, table.concat(f:lines()), nil)
    enter "new"
    assert.equal("new", recall("Up", "Up"))
    f:close()
    f = nil
    assert.equal("old\n", host.slurp(path))
  end

  local is_root = host.slurp("/proc/self/status"):find "Uid:\t0\t" ~= nil

  it("is done without if its file is another's", function()
    if not is_root then return pending "only root may give files away" end
    does_without("", "it is another user's", "chown 12345 history")
  end)

  it("is done without if its file may not be written", function()
    -- Root may, unless that is taken from it.
    local less = is_root and "setpriv --bounding-set=-dac_override,-dac_read_search" or ""
    does_without(less, "Permission denied", "chmod 0400 history")
  end)

  it("does not keep what would be no entry", function()
    open()
    f:keys("C-v", "C-a"):type("b"):keys "Enter"
    assert.equal("\1b", f:take())
    assert.equal("\1b", recall "Up")
    enter "last"
    kept "last\n"
    assert.equal("last\n", host.slurp(path))
  end)

  it("leaves out lines that are no entries", function()
    assert(os.execute("mkdir -p " .. folder .. "/state/kavach"))
    host.write(path, "good\nb\xffd\nb\27[31md\nb\\xd\n\n日本\n")
    open()
    f:with "4 lines of"
    assert.equal("good", recall("Up", "Up"))
  end)
end)
