// One triangle over the whole picture.
out vec2 frame;  // -1 to 1, x right, y up

void main() {
  frame = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  gl_Position = vec4(frame, 0.0, 1.0);
}
