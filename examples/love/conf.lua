-- SPDX-License-Identifier: MIT

function love.conf(t)
  t.identity = "marea-pier"
  t.window.title = "The pier"
  t.window.width, t.window.height = 960, 540
  t.window.msaa = 4
  t.modules.audio, t.modules.sound, t.modules.video = false, false, false
  t.modules.joystick, t.modules.physics, t.modules.touch = false, false, false
end
