// The drawn model (three.js; this file is loaded when the first model is shown).
// It is drawn anew only when something moves.

import {
  BufferAttribute,
  BufferGeometry,
  DirectionalLight,
  DoubleSide,
  HemisphereLight,
  Mesh,
  MeshStandardMaterial,
  PerspectiveCamera,
  Scene,
  Sphere,
  Spherical,
  Vector3,
  WebGLRenderer,
} from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';
import { h } from '../dom';
import type { ModelArrays } from './arrays';

export interface Box {
  min: [number, number, number];
  max: [number, number, number];
}

const TURN = Math.PI / 24;
const ZOOM = 1.15;
const FIELD_DEGREES = 40;

/** The arrays of a drawn model lie in the memory of the graphics; ours are given up once they are there. */
function uploaded(array: BufferAttribute['array'], size: number, normalised = false): BufferAttribute {
  const attribute = new BufferAttribute(array, size, normalised);
  attribute.onUpload(() => {
    attribute.array = new (array.constructor as new (length: number) => typeof array)(0);
  });
  return attribute;
}

export class ModelScene {
  readonly canvas: HTMLCanvasElement;
  #renderer: WebGLRenderer;
  #scene = new Scene();
  #camera = new PerspectiveCamera(FIELD_DEGREES);
  #controls: OrbitControls;
  #mesh: Mesh<BufferGeometry, MeshStandardMaterial>;
  #sphere: Sphere;
  #observer: ResizeObserver;
  #frame = 0;

  /** Throws where the browser has no WebGL. */
  constructor(
    private readonly host: HTMLElement,
    arrays: ModelArrays,
    box: Box,
    up: 'y' | 'z',
    label: string,
  ) {
    this.canvas = h('canvas', { class: 'model-canvas', tabindex: 0, role: 'img', 'aria-label': label });
    this.#renderer = new WebGLRenderer({ canvas: this.canvas, antialias: true, alpha: true });
    this.#renderer.setPixelRatio(Math.min(2, devicePixelRatio));
    const geometry = new BufferGeometry();
    geometry.setAttribute('position', uploaded(arrays.positions, 3));
    if (arrays.normals) geometry.setAttribute('normal', uploaded(arrays.normals, 3));
    if (arrays.colours) geometry.setAttribute('color', uploaded(arrays.colours, 4, true));
    geometry.setIndex(uploaded(arrays.indices, 1));
    const [min, max] = [new Vector3(...box.min), new Vector3(...box.max)];
    const middle = min.clone().add(max).multiplyScalar(0.5);
    this.#sphere = new Sphere(middle, Math.max(min.distanceTo(max) / 2, 1e-6));
    // Known from the server: nobody has to go through all positions for it.
    geometry.boundingSphere = this.#sphere;
    const material = new MeshStandardMaterial({
      side: DoubleSide,
      roughness: 0.75,
      flatShading: arrays.normals === null,
      vertexColors: arrays.colours !== null,
    });
    this.#mesh = new Mesh(geometry, material);
    const sun = new DirectionalLight(0xffffff, 2.2);
    sun.position.set(-0.6, 1, 1.2);
    // The light comes over the shoulder, wherever one stands.
    this.#camera.add(sun);
    this.#scene.add(this.#mesh, this.#camera, new HemisphereLight(0xffffff, 0x777777, 1.3));
    this.#camera.up.set(0, up === 'y' ? 1 : 0, up === 'z' ? 1 : 0);
    this.#controls = new OrbitControls(this.#camera, this.canvas);
    this.#controls.addEventListener('change', () => this.#draw_soon());
    this.canvas.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !this.#on_key(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    host.append(this.canvas);
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(host);
    this.theme_changed();
    this.#resize();
    this.fit();
  }

  /** Back to where all of it is seen, a little from above. */
  fit(): void {
    const { center, radius } = this.#sphere;
    const narrow = Math.min(1, this.#camera.aspect);
    const distance = (radius / Math.sin((FIELD_DEGREES / 2) * (Math.PI / 180)) / narrow) * 1.05;
    const from = this.#camera.up.y === 1 ? new Vector3(0.6, 0.55, 1) : new Vector3(0.6, -1, 0.6);
    this.#camera.position.copy(center).addScaledVector(from.normalize(), distance);
    this.#camera.near = distance / 1000;
    this.#camera.far = distance * 20;
    this.#camera.updateProjectionMatrix();
    this.#controls.target.copy(center);
    this.#controls.update();
    this.#draw_soon();
  }

  set_wireframe(on: boolean): void {
    this.#mesh.material.wireframe = on;
    this.#draw_soon();
  }

  theme_changed(): void {
    const style = getComputedStyle(this.host).color.match(/[\d.]+/g) ?? [];
    const [red = '128', green = '128', blue = '128'] = style;
    if (!this.#mesh.material.vertexColors) this.#mesh.material.color.setStyle(`rgb(${red}, ${green}, ${blue})`);
    this.#draw_soon();
  }

  destroy(): void {
    cancelAnimationFrame(this.#frame);
    this.#observer.disconnect();
    this.#controls.dispose();
    this.#mesh.geometry.dispose();
    this.#mesh.material.dispose();
    this.#renderer.dispose();
    // Browsers allow few contexts at once: this one must not wait for the collector.
    this.#renderer.forceContextLoss();
    this.canvas.remove();
  }

  #on_key(key: string): boolean {
    switch (key) {
      case 'ArrowLeft':
        return this.#turn(-TURN, 0);
      case 'ArrowRight':
        return this.#turn(TURN, 0);
      case 'ArrowUp':
        return this.#turn(0, -TURN);
      case 'ArrowDown':
        return this.#turn(0, TURN);
      case '+':
      case '=':
        return this.#zoom(1 / ZOOM);
      case '-':
        return this.#zoom(ZOOM);
      case '0':
        this.fit();
        return true;
      default:
        return false;
    }
  }

  /** Goes around the model; `Spherical` counts from the y axis, which may lie elsewhere. */
  #turn(around: number, down: number): boolean {
    const { up, position } = this.#camera;
    const offset = position.clone().sub(this.#controls.target);
    const upright = up.z === 1 ? new Vector3(offset.x, offset.z, -offset.y) : offset;
    const at = new Spherical().setFromVector3(upright);
    at.theta += around;
    at.phi += down;
    at.makeSafe();
    upright.setFromSpherical(at);
    const moved = up.z === 1 ? new Vector3(upright.x, -upright.z, upright.y) : upright;
    position.copy(this.#controls.target).add(moved);
    this.#controls.update();
    this.#draw_soon();
    return true;
  }

  #zoom(by: number): boolean {
    const { position } = this.#camera;
    position.sub(this.#controls.target).multiplyScalar(by).add(this.#controls.target);
    this.#controls.update();
    this.#draw_soon();
    return true;
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width === 0 || height === 0) return;
    this.#renderer.setSize(width, height, false);
    this.#camera.aspect = width / height;
    this.#camera.updateProjectionMatrix();
    this.#draw_soon();
  }

  #draw_soon(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      this.#renderer.render(this.#scene, this.#camera);
      // Read by tests: what the graphics were given to draw.
      this.canvas.dataset['triangles'] = String(this.#renderer.info.render.triangles);
      this.canvas.dataset['view'] = this.#camera.position.toArray().map((value) => value.toPrecision(5)).join(' ');
    });
  }
}
