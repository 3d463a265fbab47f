local image = require "kavach.sandbox.image"

-- A file with these bytes; gone at the end of the test.
local made = {}
local function file(bytes)
  local path = os.tmpname()
  made[#made + 1] = path
  local f = assert(io.open(path, "wb"))
  f:write(bytes)
  f:close()
  return path
end

local function note(name, kind, value)
  local function padded(s) return s .. ("\0"):rep(-#s % 4) end
  return string.pack("<I4I4I4", #name, #value, kind) .. padded(name) .. padded(value)
end

-- The least of an ELF file (System V ABI, "ELF Header", "Program Header"), with a segment of notes.
local function elf(options)
  local notes = options.notes or ""
  return "\x7fELF" .. string.char(options.class or 2, 1, 1) .. ("\0"):rep(9)
    .. string.pack("<I2I2I4I8I8I8I4I2I2I2I2I2I2", 2, options.machine or 62, 1, 0, 64, 0, 0, 64,
      56, 1, 0, 0, 0)
    .. string.pack("<I4I4I8I8I8I8I8I8", 4, 4, options.at or 120, 0, 0, options.size or #notes,
      #notes, 4)
    .. notes
end

local PVH = note("Xen\0", 18, "\0\0\0\1")

describe("The guest's image", function()
  local initrd
  before_each(function() initrd = file "x" end)
  after_each(function()
    for _, path in ipairs(made) do os.remove(path) end
    made = {}
  end)

  local function kernel_error(path)
    local ok, why = image.check { kernel = path, initrd = initrd }
    if ok then return nil end
    assert.equal("creation_failed", why.kind)
    assert.matches(path, why.message, 1, true)
    return why.message
  end

  it("may have an ELF kernel with a PVH entry point, behind other notes too", function()
    assert.is_nil(kernel_error(file(elf { notes = PVH })))
    assert.is_nil(kernel_error(file(elf { notes = note("GNU\0", 3, "12345") .. PVH })))
  end)

  it("may have a bzImage", function()
    assert.is_nil(kernel_error(file(("\0"):rep(0x202) .. "HdrS" .. ("\0"):rep(100))))
  end)

  it("needs a kernel that is there, readable and not empty", function()
    assert.matches("No such file", kernel_error "/nonexistent/vmlinux", 1, true)
    assert.matches("the file is empty", kernel_error(file ""), 1, true)
    assert.matches("Is a directory", kernel_error "/tmp", 1, true)
  end)

  it("needs a kernel that is one", function()
    assert.matches("not a Linux kernel", kernel_error(file "#!/bin/sh\n"), 1, true)
    assert.matches("not a Linux kernel", kernel_error(file(("x"):rep(100000))), 1, true)
    assert.matches("not one for x86-64", kernel_error(file(elf { machine = 183 })), 1, true)
    assert.matches("not one for x86-64", kernel_error(file(elf { class = 1 })), 1, true)
    assert.matches("without the PVH entry", kernel_error(file(elf {})), 1, true)
    assert.matches("not one for x86-64", kernel_error(file "\x7fELF"), 1, true)
  end)

  it("may not be an ELF file that lies about where its parts are", function()
    for _, at in ipairs { 1 << 40, -1, math.mininteger } do
      assert.matches("PVH", kernel_error(file(elf { notes = PVH, at = at })), 1, true)
    end
    assert.is_nil(kernel_error(file(elf { notes = PVH, size = -1 })))
    local endless = string.pack("<I4I4I4", 0xffffffff, 0xffffffff, 1)
    assert.matches("PVH", kernel_error(file(elf { notes = endless })), 1, true)
  end)

  it("needs an initramfs that is there and not empty", function()
    local kernel = file(elf { notes = PVH })
    for _, path in ipairs { "/nonexistent/initramfs", file "" } do
      local ok, why = image.check { kernel = kernel, initrd = path }
      assert.is_nil(ok)
      assert.matches(path, why.message, 1, true)
    end
  end)

  it("is what was asked for, as a path that holds anywhere", function()
    local found = image.find { kernel = "some/vmlinux", initrd = "/boot/initrd" }
    assert.matches("^/.*/some/vmlinux$", found.kernel)
    assert.equal("/boot/initrd", found.initrd)
  end)
end)
