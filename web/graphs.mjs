// MediaPipe's holistic graph for processors, as holistic_landmark_cpu.pbtxt and its subgraphs have it
// (github.com/google-ai-edge/mediapipe, Apache 2.0), in two parts that run side by side: the body, and the hands.
// MediaPipe's package for browsers brings the graph for graphics cards alone, but all that this one consists of. Without
// a graphics card, a quarter of the other's time goes into drawing what each network looks at and reading it back.

import {readFileSync} from 'node:fs';
import protobuf from 'protobufjs';

const messages = readFileSync(new URL('graph.proto', import.meta.url), 'utf8');
const Graph = protobuf.parse(messages, {keepCase: true}).root.lookupType('Graph');

const node = (calculator, inputs, outputs, options = {}, more = {}) => (
  {calculator, input_stream: [inputs].flat(), output_stream: [outputs].flat(), options, ...more});

// The picture, which comes as a texture, in memory.
const image = [
  node('ToImageCalculator', 'IMAGE_GPU:picture', 'IMAGE:picture_anywhere'),
  node('FromImageCalculator', 'IMAGE:picture_anywhere', 'IMAGE_CPU:image'),
  node('ImagePropertiesCalculator', 'IMAGE:image', 'SIZE:size'),
];

const crop = (size, inputs, outputs, {from = 0, ...options} = {}) => node('ImageToTensorCalculator', inputs, outputs, {
  image_to_tensor: {
    output_tensor_width: size, output_tensor_height: size, keep_aspect_ratio: true,
    output_tensor_float_range: {min: from, max: 1}, ...options,
  },
});

const network = (path, from, to) => node('InferenceCalculatorCpu', `TENSORS:${from}`, `TENSORS:${to}`, {
  inference: {model_path: `third_party/mediapipe/modules/${path}.tflite`, delegate: {xnnpack: {}}},
});

// What a network has found, decoded: boxes around `keypoints` points each, of pictures of `size` pixels.
const detections = (name, size, strides, boxes, keypoints) => [
  node('SsdAnchorsCalculator', [], [], {
    ssd_anchors: {
      input_size_width: size, input_size_height: size, min_scale: 0.1484375, max_scale: 0.75, anchor_offset_x: 0.5,
      anchor_offset_y: 0.5, num_layers: strides.length, strides, aspect_ratios: [1], fixed_anchor_size: true,
    },
  }, {output_side_packet: [`${name}_anchors`]}),
  node('TensorsToDetectionsCalculator', `TENSORS:${name}_boxes`, `DETECTIONS:${name}_overlapping`, {
    tensors_to_detections: {
      num_classes: 1, num_boxes: boxes, num_coords: 4 + 2 * keypoints, x_scale: size, y_scale: size, w_scale: size,
      h_scale: size, keypoint_coord_offset: 4, num_keypoints: keypoints, num_values_per_keypoint: 2,
      box_coord_offset: 0, reverse_output_order: true, sigmoid_score: true, score_clipping_thresh: 100,
      min_score_thresh: 0.5,
    },
  }, {input_side_packet: [`ANCHORS:${name}_anchors`]}),
  node('NonMaxSuppressionCalculator', `${name}_overlapping`, `${name}_found`, {
    non_max_suppression: {
      min_suppression_threshold: 0.3, overlap_type: 'INTERSECTION_OVER_UNION', algorithm: 'WEIGHTED',
    },
  }),
];

const split = (kind, from, to, ranges, options = {}) => node(`Split${kind}Calculator`, from, to, {
  split_vector: {ranges: ranges.map(([begin, end]) => ({begin, end})), ...options},
});

// A stream as it was for the picture before.
const before = (main, stream, output) => node(
  'PreviousLoopbackCalculator', [`MAIN:${main}`, `LOOP:${stream}`], `PREV_LOOP:${output}`, {},
  {input_stream_info: [{tag_index: 'LOOP', back_edge: true}]});

// Lets tensors pass where a network is sure that it sees what they describe.
const sure = (name, flag, tensors, options = {}) => [
  node('TensorsToFloatsCalculator', `TENSORS:${flag}`, `FLOAT:${name}_score`, options),
  node('ThresholdingCalculator', `FLOAT:${name}_score`, `FLAG:${name}_sure`, {thresholding: {threshold: 0.5}}),
  node('GateCalculator', [tensors, `ALLOW:${name}_sure`], `${name}_ensured`),
];

const pose = [
  // Where the pose was in the picture before, or else where one is detected.
  before('image', 'pose_roi', 'roi_before'),
  node('PacketPresenceCalculator', 'PACKET:roi_before', 'PRESENCE:tracked'),
  node('GateCalculator', ['image', 'size', 'DISALLOW:tracked'], ['untracked_image', 'untracked_size'],
    {gate: {empty_packets_as_allow: true}}),
  crop(224, 'IMAGE:untracked_image', ['TENSORS:detection_input', 'LETTERBOX_PADDING:detection_padding'],
    {from: -1, border_mode: 'ZERO'}),
  network('pose_detection/pose_detection', 'detection_input', 'pose_boxes'),
  ...detections('pose', 224, [8, 16, 32, 32, 32], 2254, 4),
  node('DetectionLetterboxRemovalCalculator', ['DETECTIONS:pose_found', 'LETTERBOX_PADDING:detection_padding'],
    'DETECTIONS:pose_detections'),
  split('DetectionVector', 'pose_detections', 'pose_detection', [[0, 1]], {element_only: true}),
  node('PoseDetectionToRoi', ['DETECTION:pose_detection', 'IMAGE_SIZE:untracked_size'], 'ROI:detected_roi'),
  node('MergeCalculator', ['detected_roi', 'roi_before'], 'roi'),

  crop(256, ['IMAGE:image', 'NORM_RECT:roi'],
    ['TENSORS:pose_input', 'LETTERBOX_PADDING:pose_padding', 'MATRIX:pose_matrix']),
  network('pose_landmark/pose_landmark_full', 'pose_input', 'pose_output'),
  node('TensorsToPoseLandmarksAndSegmentation', 'TENSORS:pose_output', [
    'LANDMARKS:roi_pose', 'AUXILIARY_LANDMARKS:roi_auxiliary', 'WORLD_LANDMARKS:roi_world',
    'SEGMENTATION_MASK:no_mask',  // which is made only if asked for
  ]),
  node('PoseLandmarksAndSegmentationInverseProjection', [
    'IMAGE_SIZE:size', 'NORM_RECT:roi', 'LETTERBOX_PADDING:pose_padding', 'MATRIX:pose_matrix', 'LANDMARKS:roi_pose',
    'AUXILIARY_LANDMARKS:roi_auxiliary', 'WORLD_LANDMARKS:roi_world', 'SEGMENTATION_MASK:no_mask',
  ], ['LANDMARKS:unfiltered_pose', 'AUXILIARY_LANDMARKS:unfiltered_auxiliary', 'WORLD_LANDMARKS:unfiltered_world']),
  node('PoseLandmarkFiltering', [
    'IMAGE_SIZE:size', 'NORM_LANDMARKS:unfiltered_pose', 'AUX_NORM_LANDMARKS:unfiltered_auxiliary',
    'WORLD_LANDMARKS:unfiltered_world',
  ], ['FILTERED_NORM_LANDMARKS:pose_landmarks', 'FILTERED_AUX_NORM_LANDMARKS:auxiliary_landmarks']),
  node('PoseLandmarksToRoi', ['LANDMARKS:auxiliary_landmarks', 'IMAGE_SIZE:size'], 'ROI:pose_roi'),
];

const face = [
  split('NormalizedLandmarkList', 'pose_landmarks', 'face_from_pose', [[0, 11]]),
  node('FaceLandmarksFromPoseToRecropRoi', ['FACE_LANDMARKS_FROM_POSE:face_from_pose', 'IMAGE_SIZE:size'],
    'ROI:face_roi_from_pose'),
  crop(128, ['IMAGE:image', 'NORM_RECT:face_roi_from_pose'], ['TENSORS:face_detection_input', 'MATRIX:face_matrix'],
    {from: -1, border_mode: 'ZERO'}),
  network('face_detection/face_detection_short_range', 'face_detection_input', 'face_boxes'),
  ...detections('face', 128, [8, 16, 16, 16], 896, 6),
  node('DetectionProjectionCalculator', ['DETECTIONS:face_found', 'PROJECTION_MATRIX:face_matrix'],
    'DETECTIONS:face_detections'),
  node('FaceDetectionFrontDetectionsToRoi', ['DETECTIONS:face_detections', 'IMAGE_SIZE:size'],
    'ROI:face_roi_from_detection'),
  node('FaceTracking', ['LANDMARKS:face_landmarks', 'FACE_RECROP_ROI:face_roi_from_detection', 'IMAGE_SIZE:size'],
    'FACE_TRACKING_ROI:face_roi'),
  crop(192, ['IMAGE:image', 'NORM_RECT:face_roi'], 'TENSORS:face_input', {keep_aspect_ratio: false}),
  network('face_landmark/face_landmark', 'face_input', 'face_output'),
  split('TensorVector', 'face_output', ['face_tensor', 'face_flag'], [[0, 1], [1, 2]]),
  ...sure('face', 'face_flag', 'face_tensor', {tensors_to_floats: {activation: 'SIGMOID'}}),
  node('TensorsToFaceLandmarks', 'TENSORS:face_ensured', 'LANDMARKS:face_unprojected'),
  node('LandmarkProjectionCalculator', ['NORM_LANDMARKS:face_unprojected', 'NORM_RECT:face_roi'],
    'NORM_LANDMARKS:face_landmarks'),
];

const landmarks = (num_landmarks, size, from, to, options = {}) => node(
  'TensorsToLandmarksCalculator', `TENSORS:${from}`, `NORM_LANDMARKS:${to}`,
  {tensors_to_landmarks: {num_landmarks, input_image_width: size, input_image_height: size, ...options}});

const square = (from, to, scale) => node('RectTransformationCalculator', [`NORM_RECT:${from}`, 'IMAGE_SIZE:size'], to,
  {rect_transformation: {scale_x: scale, scale_y: scale, shift_y: -0.1, square_long: true}});

// From points of a crop to those of the picture.
const unproject = (name, from, padding, roi, to) => [
  node('LandmarkLetterboxRemovalCalculator', [`LANDMARKS:${from}`, `LETTERBOX_PADDING:${padding}`],
    `LANDMARKS:${name}_scaled`),
  node('LandmarkProjectionCalculator', [`NORM_LANDMARKS:${name}_scaled`, `NORM_RECT:${roi}`], `NORM_LANDMARKS:${to}`),
];

// A hand, looked for where the pose has its wrist and fingers: they come as a list of no or one detection.
const hand = side => [
  node('HandDetectionsFromPoseToRectsCalculator', [`DETECTIONS:${side}_hand_from_pose`, 'IMAGE_SIZE:size'],
    `NORM_RECT:${side}_rect_from_pose`),
  square(`${side}_rect_from_pose`, `${side}_roi_from_pose`, 2.7),
  crop(256, ['IMAGE:image', `NORM_RECT:${side}_roi_from_pose`],
    [`TENSORS:${side}_recrop_input`, `LETTERBOX_PADDING:${side}_recrop_padding`]),
  network('holistic_landmark/hand_recrop', `${side}_recrop_input`, `${side}_recrop_output`),
  landmarks(2, 256, `${side}_recrop_output`, `${side}_recrop`),
  ...unproject(
    `${side}_recrop`, `${side}_recrop`, `${side}_recrop_padding`, `${side}_roi_from_pose`, `${side}_alignment`),
  node('LandmarksToDetectionCalculator', `NORM_LANDMARKS:${side}_alignment`, `DETECTION:${side}_detection`),
  node('AlignmentPointsRectsCalculator', [`DETECTION:${side}_detection`, 'IMAGE_SIZE:size'], `NORM_RECT:${side}_rect`, {
    detections_to_rects: {
      rotation_vector_start_keypoint_index: 0, rotation_vector_end_keypoint_index: 1,
      rotation_vector_target_angle_degrees: -90,
    },
  }),
  square(`${side}_rect`, `${side}_roi_from_recrop`, 1),
  node('HandTracking', [
    `LANDMARKS:${side}_hand_landmarks`, `HAND_ROI_FROM_RECROP:${side}_roi_from_recrop`, 'IMAGE_SIZE:size',
  ], `HAND_TRACKING_ROI:${side}_roi`),
  crop(224, ['IMAGE:image', `NORM_RECT:${side}_roi`], [`TENSORS:${side}_input`, `LETTERBOX_PADDING:${side}_padding`]),
  network('hand_landmark/hand_landmark_full', `${side}_input`, `${side}_output`),
  split('TensorVector', `${side}_output`, [`${side}_tensor`, `${side}_flag`], [[0, 1], [1, 2]]),
  ...sure(side, `${side}_flag`, `${side}_tensor`),
  landmarks(21, 224, `${side}_ensured`, `${side}_unprojected`, {normalize_z: 0.4}),
  ...unproject(side, `${side}_unprojected`, `${side}_padding`, `${side}_roi`, `${side}_hand_landmarks`),
];

const encoded = (input_stream, nodes) => Graph.encode(Graph.fromObject({
  input_stream, node: nodes, executor: [{type: 'ApplicationThreadExecutor'}],
})).finish();

export const graphs = {
  body: encoded(['picture'], [...image, ...pose, ...face]),
  hands: encoded(
    ['picture', 'left_hand_from_pose', 'right_hand_from_pose'], [...image, ...hand('left'), ...hand('right')]),
};
